package life

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// index is fed a stream in which a creation has the inode number 40 and, where
// the kernel has cookies, the cookie 400; then come the events given.
func index(t *testing.T, cookie uint64, then ...event.Body) *Index {
	t.Helper()
	x := NewIndex()
	create := event.NetnsCreate{Serial: 1, Inum: 40, Cookie: cookie}
	bodies := append([]event.Body{
		&event.Host{BootID: "boot"}, &event.Coverage{Probe: event.ProbeRelease, Live: true}, &create,
	}, then...)
	for i, b := range bodies {
		x.observe(event.Event{BootNS: uint64(i + 1), Body: b})
	}
	x.created(&finding.Attribution{Creation: &lineage.Creation{BootNS: 3, Netns: create}})
	return x
}

func TestFind(t *testing.T) {
	const goesOn, ended = true, false
	released := &event.NetnsRelease{Serial: 1, Inum: 40}
	for _, tt := range []struct {
		name   string
		index  *Index
		cookie uint64 // of the namespace that is looked up
		goesOn bool
		by     By
		why    Unmatched
	}{
		{"the same cookie", index(t, 400), 400, ended, ByCookie, ""},
		{"the same cookie, with gaps", index(t, 400, &event.Loss{Kind: event.LossEnding, Count: 1}), 400, ended, ByCookie, ""},
		{"another that has the number", index(t, 400), 401, goesOn, "", UnmatchedAbsent},
		{"it was released", index(t, 400, released), 400, goesOn, "", UnmatchedAbsent},
		{"it was freed", index(t, 400, &event.NetnsFree{Serial: 1}), 400, goesOn, "", UnmatchedAbsent},
		{"another was released", index(t, 400, &event.NetnsRelease{Serial: 2, Inum: 40}), 400, ended, ByCookie, ""},
		{"no cookie, the recording goes on", index(t, 0), 0, goesOn, ByInum, ""},
		{"no cookie at the creation", index(t, 0), 400, goesOn, ByInum, ""},
		{"the cookie can't be read", index(t, 400), 0, goesOn, ByInum, ""},
		{"no cookie, the recording ended", index(t, 0), 400, ended, "", UnmatchedEnded},
		{"no cookie, the recording says that it ended", index(t, 0, &event.End{}), 0, goesOn, "", UnmatchedEnded},
		{"no cookie, ends may be lost", index(t, 0, &event.Loss{Kind: event.LossEnding, Count: 1}), 0, goesOn, "", UnmatchedEndUnseen},
		{"no cookie, other things are lost", index(t, 0, &event.Loss{Kind: event.LossForget, Count: 1}, &event.Loss{Kind: event.LossBus, Count: 1}), 0, goesOn, ByInum, ""},
		{"no cookie, a part is damaged", index(t, 0, &event.Damage{Bytes: 9, Blocks: 1}), 0, goesOn, "", UnmatchedEndUnseen},
		{"no cookie, the file just ends", index(t, 0, &event.Damage{Blocks: 1, Truncated: true}), 0, goesOn, ByInum, ""},
		{"no cookie, ends are not seen", index(t, 0, &event.Coverage{Probe: event.ProbeRelease}), 0, goesOn, "", UnmatchedEndUnseen},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.index.GoesOn = tt.goesOn
			m := tt.index.Find(40, tt.cookie)
			if m.By != tt.by || (m.Attribution != nil) != (tt.by != "") || m.Why != tt.why {
				t.Errorf("%+v", m)
			}
		})
	}
	if m := index(t, 400).Find(41, 400); m.Attribution != nil {
		t.Errorf("another inum: %+v", m)
	}
}

// Of two that had the number, of which the end of the first is not known, the
// second is the one.
func TestFindTheLatest(t *testing.T) {
	x := index(t, 0, &event.NetnsCreate{Serial: 2, Inum: 40}, &event.NetnsCreate{Serial: 3, Errno: 28})
	second := &finding.Attribution{Creation: &lineage.Creation{BootNS: 9, Netns: event.NetnsCreate{Serial: 2, Inum: 40}}}
	x.created(second)
	x.GoesOn = true
	if m := x.Find(40, 0); m.Attribution != second {
		t.Errorf("%+v", m)
	}
	if x.BootID != "boot" || x.FromNS != 1 || x.UntilNS != 5 {
		t.Errorf("%q from %d until %d", x.BootID, x.FromNS, x.UntilNS)
	}
}
