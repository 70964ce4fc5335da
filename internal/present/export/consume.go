package export

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// maxCauses bounds the causes that are counted before they are written. One that comes
// again after that has another row.
const maxCauses = 4096

// host is the machine that a recording is of.
type host struct {
	event.Host
	recording string
}

// Recording writes what is found in one recording. It is a finding.Consumer.
type Recording struct {
	files    *files
	verbatim func(string) bool
	host     host
	offset   int64
	known    bool // offset is
	first    moment
	last     moment
	began    bool
	whole    bool
	causes   map[causeKey]*causeRow
	row      []value
}

// causeKey is a cause on a day.
type causeKey struct {
	id  causeID
	day string
}

// moment is a time by the clock as it is by now.
func (r *Recording) moment(bootNS uint64) moment {
	return moment{in: &r.host, bootNS: bootNS, known: r.known, unixUS: (int64(bootNS) + r.offset) / int64(time.Microsecond)}
}

// Consume writes a finding.
func (r *Recording) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		r.observe(f.Event)
	case *finding.Created:
		if f.Selected {
			return r.created(f.Attribution)
		}
	case *finding.NetnsFor:
		return put(r, tableFors, forRowFields, &forRow{r.moment(f.BootNS), f}, r.moment(f.BootNS))
	case *finding.Joined:
		return put(r, tableJoins, joinFields, &join{r.moment(f.BootNS), f}, r.moment(f.BootNS))
	case *finding.Ended:
		return put(r, tableEnds, endFields, &end{r.moment(f.BootNS), f}, r.moment(f.BootNS))
	case *finding.Lost:
		return r.lost(&loss{moment: r.moment(f.BootNS), kind: "loss", what: string(f.Kind), count: f.Count, owner: &f.Owner})
	case *finding.Covered:
		if !f.Live {
			return r.lost(&loss{moment: r.moment(f.BootNS), kind: "probe", what: string(f.Probe), why: f.Why})
		}
	case *finding.Damaged:
		return r.lost(&loss{moment: r.moment(f.BootNS), kind: "damage", what: string(f.Code), count: f.Blocks, why: f.Why, damage: f.Damage})
	case *finding.Summary:
		return r.summary(f)
	}
	return nil
}

// observe keeps what the stream says of the machine and its clock.
func (r *Recording) observe(ev event.Event) {
	switch b := ev.Body.(type) {
	case *event.Host:
		r.host.Host, r.offset, r.known = *b, b.ClockOffsetNS, true
	case *event.Clock:
		r.offset = b.OffsetNS
	case *event.End:
		r.whole = true
	}
	now := r.moment(ev.BootNS)
	if !r.began || !r.first.known && now.known {
		r.first, r.began = now, true
	}
	if now.bootNS >= r.last.bootNS {
		r.last = now
	}
}

func (r *Recording) created(k *finding.Attribution) error {
	at := r.moment(k.BootNS)
	cause, id := report.Describe(k)
	c := &creation{moment: at, Attribution: k, cause: causeID(id.ID)}
	key := causeKey{c.cause, dayOf(at)}
	row := r.causes[key]
	if row == nil {
		if len(r.causes) >= maxCauses {
			if err := r.writeCauses(); err != nil {
				return err
			}
		}
		row = &causeRow{moment: at, id: c.cause, family: causeID(id.FamilyID), cause: cause}
		r.causes[key] = row
	}
	row.created++
	if k.Netns.Errno != 0 {
		row.failed++
	}
	row.unixUS, row.last = min(row.unixUS, at.unixUS), max(row.last, at.unixUS)
	return put(r, tableCreations, creationFields, c, at)
}

// writeCauses writes what the causes did since the last time.
func (r *Recording) writeCauses() error {
	keys := slices.SortedFunc(maps.Keys(r.causes), func(a, b causeKey) int {
		return cmp.Or(strings.Compare(a.day, b.day), cmp.Compare(a.id, b.id))
	})
	for _, key := range keys {
		row := r.causes[key]
		if err := put(r, tableCauses, causeFields, row, row.moment); err != nil {
			return err
		}
	}
	clear(r.causes)
	return nil
}

func (r *Recording) lost(l *loss) error { return put(r, tableLosses, lossFields, l, l.moment) }

func (r *Recording) summary(s *finding.Summary) error {
	if err := r.writeCauses(); err != nil {
		return err
	}
	row := &recordingRow{host: &r.host, begin: r.first, until: r.last, whole: r.whole, Summary: *s}
	row.begin.bootNS = min(row.begin.bootNS, row.until.bootNS)
	if err := put(r, tableRecordings, recordingFields, row, r.first); err != nil {
		return err
	}
	return r.files.complete(partition{hostOf(&r.host.Host), dayOf(r.first)})
}

// put writes a row into the partition of its day.
func put[T any](r *Recording, t table, fields []field[T], of *T, at moment) error {
	r.row = appendRow(r.row[:0], fields, of, r.verbatim)
	return r.files.write(t, partition{hostOf(&r.host.Host), dayOf(at)}, r.row)
}
