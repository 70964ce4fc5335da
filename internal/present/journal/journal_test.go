package journal_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/present/journal"
)

const second = uint64(1e9)

// book keeps what was written.
type book struct {
	*journal.Consumer
	entries []map[string]string
}

func newBook(t *testing.T) *book {
	t.Helper()
	b := &book{}
	b.Consumer = journal.New(func(d []byte) {
		if len(d) > journal.MaxEntry {
			t.Errorf("an entry has %d bytes", len(d))
		}
		fields := journal.Fields(d)
		if fields["MESSAGE"] == "" {
			t.Errorf("cannot be read: %q", d)
		}
		b.entries = append(b.entries, fields)
	})
	return b
}

func (b *book) take(list ...finding.Finding) {
	for _, f := range list {
		if err := b.Consume(f); err != nil {
			panic(err)
		}
	}
}

func (b *book) at(ns uint64) {
	b.take(&finding.Observed{Event: event.Event{BootNS: ns, Body: &event.Clock{}}})
}

// by is a creation of a command in a cgroup, by a process of an owner.
func by(uid uint32, path string, argv ...string) *finding.Created {
	p := lineage.Process{
		ID: event.ProcessID{PID: 300, StartNS: 1}, Comm: "job", Argv: argv, Exe: argv[0], Cgroup: path, UID: uid,
		Owner: event.Owner{UID: uid, PIDNamespace: 1},
	}
	place := cgroup.Parse(path)
	return &finding.Created{Selected: true, Attribution: &finding.Attribution{
		Creation:  &lineage.Creation{BootNS: second, Netns: event.NetnsCreate{Inum: 4026532301, Call: event.CallUnshare}, Process: p},
		Placement: place,
		Origin:    finding.Origin{Trigger: finding.TriggerCommand, Process: &p, Unit: place.Unit, Placement: place, Evidence: evidence.Kernel},
	}}
}

func TestFieldsOfCreation(t *testing.T) {
	b := newBook(t)
	b.take(by(0, "/system.slice/cron.service", "job", "two\nlines\xff"))
	e := b.entries[0]
	for name, want := range map[string]string{
		"MESSAGE_ID": journal.MessageCreated, "PRIORITY": "6", "OBJECT_SYSTEMD_UNIT": "cron.service",
		"NSBLAME_UNIT": "cron.service", "NSBLAME_TRIGGER": "command", "NSBLAME_EVIDENCE": "kernel",
		"NSBLAME_NETNS": "4026532301", "NSBLAME_PID": "300", "NSBLAME_CMDLINE": "job two\nlines\xff",
	} {
		if e[name] != want {
			t.Errorf("%s is %q, not %q", name, e[name], want)
		}
	}
	if m := e["MESSAGE"]; strings.Contains(m, "\n") || !utf8.ValidString(m) || !strings.Contains(m, "in cron.service") {
		t.Errorf("message: %q", m)
	}
}

// A user can name a unit as one of the machine's is named. It is never filed there.
func TestUnitsOfUsers(t *testing.T) {
	for path, want := range map[string]string{
		"/user.slice/user-1000.slice/user@1000.service/app.slice/cron.service": "user@1000.service",
		"/system.slice/docker-" + strings.Repeat("a", 64) + ".scope":           "docker-" + strings.Repeat("a", 64) + ".scope",
		"/": "",
	} {
		b := newBook(t)
		b.take(by(1000, path, "job"))
		if got := b.entries[0]["OBJECT_SYSTEMD_UNIT"]; got != want {
			t.Errorf("%s is filed under %q, not %q", path, got, want)
		}
		if user := b.entries[0]["OBJECT_SYSTEMD_USER_UNIT"]; (user == "cron.service") != strings.Contains(path, "cron") {
			t.Errorf("%s: user's unit %q", path, user)
		}
	}
	guest := by(0, "/", "job")
	guest.Origin.Placement = cgroup.Placement{Unit: "x.service", Manager: event.ManagerUser}
	b := newBook(t)
	b.take(guest)
	if got, ok := b.entries[0]["OBJECT_SYSTEMD_UNIT"]; ok {
		t.Errorf("a unit of nobody known is filed under %q", got)
	}
}

// Of a storm each creation has an entry: by itself, or in a count.
func TestStormIsCounted(t *testing.T) {
	b := newBook(t)
	const storm = 1000
	for i := range uint64(storm) {
		b.at(second + i*second/10) // 100 s
		b.take(by(0, "/system.slice/cron.service", "job", fmt.Sprint(i)))
	}
	b.take(&finding.Summary{})
	told := 0
	for _, e := range b.entries {
		switch e["MESSAGE_ID"] {
		case journal.MessageCreated:
			told++
		case journal.MessageRepeated:
			n := 0
			if _, err := fmt.Sscan(e["NSBLAME_COUNT"], &n); err != nil {
				t.Error(err)
			}
			told += n
			if e["OBJECT_SYSTEMD_UNIT"] != "cron.service" || e["NSBLAME_CAUSE_FAMILY"] != b.entries[0]["NSBLAME_CAUSE_FAMILY"] {
				t.Errorf("the count is filed elsewhere: %v", e)
			}
		}
	}
	if told != storm || len(b.entries) != 4 { // the first, after 60 s, at the end, the end
		t.Errorf("%d of %d told in %d entries", told, storm, len(b.entries))
	}
}

// Who has ever new causes uses up his share, and hides nobody else's.
func TestManyCausesOfOneOwner(t *testing.T) {
	b := newBook(t)
	const many = 5000
	for i := range many {
		b.take(by(1000, "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", fmt.Sprint("program", i)))
	}
	b.take(by(0, "/system.slice/cron.service", "job"))
	last := b.entries[len(b.entries)-1]
	if last["OBJECT_SYSTEMD_UNIT"] != "cron.service" {
		t.Errorf("cron's is not told: %v", last)
	}
	if n := len(b.entries); n != journal.MaxOfOwner+1 {
		t.Errorf("%d entries", n)
	}
	b.at(61 * second)
	want := fmt.Sprint(many - journal.MaxOfOwner)
	if e := b.entries[len(b.entries)-1]; e["NSBLAME_COUNT"] != want || e["MESSAGE_ID"] != journal.MessageLost {
		t.Errorf("the rest is not told: %v", e)
	}
	b.take(by(1000, "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "after"))
	if e := b.entries[len(b.entries)-1]; e["NSBLAME_CMDLINE"] != "after" {
		t.Errorf("there is no room again: %v", e)
	}
}

func TestLosses(t *testing.T) {
	b := newBook(t)
	for range 3 {
		b.take(&finding.Lost{Loss: &event.Loss{Kind: event.LossRequest, Count: 5}})
	}
	b.take(&finding.Summary{})
	if len(b.entries) != 3 || b.entries[0]["NSBLAME_COUNT"] != "5" || b.entries[1]["NSBLAME_COUNT"] != "10" || b.entries[0]["PRIORITY"] != "4" {
		t.Errorf("%v", b.entries)
	}
}

func TestFailedAndUnselected(t *testing.T) {
	b := newBook(t)
	failed := by(0, "/system.slice/cron.service", "job")
	failed.Netns.Errno, failed.Netns.Inum = 28, 0
	out := by(0, "/system.slice/cron.service", "other")
	out.Selected = false
	b.take(failed, out)
	if len(b.entries) != 1 {
		t.Fatalf("%d entries", len(b.entries))
	}
	e := b.entries[0]
	if e["PRIORITY"] != "4" || e["ERRNO"] != "28" || !strings.Contains(e["MESSAGE"], "ENOSPC") {
		t.Errorf("%v", e)
	}
}

// docs/journal.md has each field and each message.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/journal.md")
	if err != nil {
		t.Fatal(err)
	}
	b := newBook(t)
	failed := by(0, "/system.slice/cron.service", "job")
	failed.Netns.Errno = 28
	user := by(1000, "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "job", "arg")
	user.Netns.Cookie = 7
	whom := &finding.For{Pod: &finding.Pod{Namespace: "shop", Name: "web"}, Container: &finding.Container{Name: "web"}}
	ends := &finding.Covered{Coverage: &event.Coverage{Probe: event.ProbeRelease, Live: true}}
	b.take(ends, failed, user, user, &finding.NetnsFor{Created: user.Attribution, For: whom}, &finding.Lost{Loss: &event.Loss{Kind: event.LossRequest, Count: 1}}, &finding.Summary{})
	documented := make(map[string]bool)
	for _, m := range regexp.MustCompile("(?m)`([A-Z_]+|[0-9a-f]{32})`.*\\|").FindAllString(string(text), -1) {
		for _, name := range regexp.MustCompile("`([A-Z_]+|[0-9a-f]{32})`").FindAllStringSubmatch(m, -1) {
			documented[name[1]] = false
		}
	}
	for _, e := range b.entries {
		for name := range e {
			if _, ok := documented[name]; !ok {
				t.Errorf("%s is not documented", name)
			}
			documented[name] = true
		}
		documented[e["MESSAGE_ID"]] = true
	}
	for name, used := range documented {
		if !used {
			t.Errorf("%s is documented, and nowhere used", name)
		}
	}
}

func release(serial uint64) *finding.Ended {
	return &finding.Ended{Release: &finding.Release{Netns: event.NetnsRelease{Serial: serial}}}
}

// What is left at the end has an entry a cause, if ends can be seen at all.
func TestLeftBehind(t *testing.T) {
	for _, live := range []bool{true, false} {
		b := newBook(t)
		b.take(&finding.Covered{Coverage: &event.Coverage{Probe: event.ProbeRelease, Live: live}})
		for i, unit := range []string{"a", "a", "a", "b", "c"} {
			c := by(0, "/system.slice/"+unit+".service", "job")
			c.Netns.Serial = uint64(i + 1)
			if unit == "c" {
				c.Netns.Errno = 28
			}
			b.take(c)
		}
		b.take(release(2), release(4), release(99), &finding.Summary{})
		var left []map[string]string
		for _, e := range b.entries {
			if e["MESSAGE_ID"] == journal.MessageLeft {
				left = append(left, e)
			}
		}
		if !live {
			if left != nil {
				t.Errorf("ends are not seen: %v", left)
			}
			continue
		}
		if len(left) != 1 || left[0]["OBJECT_SYSTEMD_UNIT"] != "a.service" || left[0]["NSBLAME_COUNT"] != "2" || left[0]["PRIORITY"] != "4" ||
			!strings.HasPrefix(left[0]["MESSAGE"], "2 namespaces were still there at the end, by the cause of: ") {
			t.Errorf("%v", left)
		}
	}
}

// Beyond the bounds, what is left is counted together, and what is not followed is not
// counted at all.
func TestLeftIsBounded(t *testing.T) {
	b := newBook(t)
	b.take(&finding.Covered{Coverage: &event.Coverage{Probe: event.ProbeRelease, Live: true}})
	const causes, each = journal.MaxCauses + 10, 100
	for i := range causes * each {
		c := by(0, fmt.Sprintf("/system.slice/u%d.service", i%causes), "job")
		c.Netns.Serial = uint64(i + 1)
		b.take(c)
	}
	b.take(&finding.Summary{})
	n, sum := 0, 0
	for _, e := range b.entries {
		if e["MESSAGE_ID"] == journal.MessageLeft {
			n++
			var k int
			if _, err := fmt.Sscan(e["NSBLAME_COUNT"], &k); err != nil {
				t.Fatal(err)
			}
			sum += k
		}
	}
	if n != journal.MaxCauses+1 || sum == 0 || sum > causes*each {
		t.Errorf("%d entries of %d namespaces", n, sum)
	}
}

// The count of a storm is due a minute after its first entry, not with the next event.
func TestCountIsDue(t *testing.T) {
	b := newBook(t)
	b.at(second)
	b.take(by(0, "/system.slice/a.service", "job"))
	if d := b.Deadline(); d != 0 {
		t.Errorf("nothing waits, but is due at %d", d)
	}
	b.at(2 * second)
	b.take(by(0, "/system.slice/a.service", "job"))
	if d := b.Deadline(); d != second+journal.IntervalNS {
		t.Errorf("due at %d", d)
	}
	b.at(b.Deadline())
	if last := b.entries[len(b.entries)-1]; last["MESSAGE_ID"] != journal.MessageRepeated || last["NSBLAME_COUNT"] != "1" {
		t.Errorf("%v", last)
	}
	if d := b.Deadline(); d != 0 {
		t.Errorf("all is written, but something is due at %d", d)
	}
}
