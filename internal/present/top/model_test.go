package top

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// wants is a feed that only notes what is wanted.
type wants []Want

func (w *wants) Show(want Want) { *w = append(*w, want) }

// collected is a report of commands, each of which made some namespaces.
func collected(t *testing.T, counts map[string]int) *report.Report {
	t.Helper()
	c := report.NewCollector()
	c.Watch()
	serial := uint64(0)
	for comm, n := range counts {
		for range n {
			serial++
			p := lineage.Process{ID: event.ProcessID{PID: uint32(serial), StartNS: serial}, Comm: comm, Argv: []string{comm, "--now"}, Exe: "/bin/" + comm}
			k := &finding.Attribution{
				Creation: &lineage.Creation{BootNS: serial * 1e9, Netns: event.NetnsCreate{Serial: serial, Inum: uint32(serial)}, Process: p},
				Origin:   finding.Origin{Trigger: finding.TriggerCommand, Process: &p, Evidence: evidence.Kernel},
			}
			for _, f := range []finding.Finding{
				&finding.Observed{Event: event.Event{BootNS: serial * 1e9, Body: &event.NetnsCreate{Serial: serial}}},
				&finding.Created{Attribution: k, Selected: true},
			} {
				if err := c.Consume(f); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return c.Snapshot(report.ByCause, 100)
}

func opened(opt Options, r *report.Report) Model {
	m := New(opt)
	m.take(Update{Report: r, Want: opt.Want})
	return m
}

func press(t *testing.T, m *Model, keys ...string) (last tea.Cmd) {
	t.Helper()
	special := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "down": tea.KeyDown, "up": tea.KeyUp, "backspace": tea.KeyBackspace, "left": tea.KeyLeft, "space": tea.KeySpace}
	for _, k := range keys {
		msg := tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
		if code, ok := special[k]; ok {
			msg = tea.KeyPressMsg{Code: code}
		}
		next, cmd := m.Update(msg)
		*m, last = next.(Model), cmd
	}
	return last
}

func text(m *Model) string { return ansi.Strip(strings.Join(m.Screen(), "\n")) }

// The cursor stays with its cause when others overtake it, once a person has moved it.
func TestTheCursorStaysWithItsCause(t *testing.T) {
	m := opened(Options{}, collected(t, map[string]int{"one": 5, "two": 4, "three": 3}))
	if !strings.Contains(text(&m), "> 1      5") {
		t.Fatalf("\n%s", text(&m))
	}
	m.take(Update{Report: collected(t, map[string]int{"one": 5, "two": 9, "three": 3})})
	if !strings.Contains(text(&m), "> 1      9") {
		t.Errorf("the first row is not chosen:\n%s", text(&m))
	}
	press(t, &m, "down", "down")
	m.take(Update{Report: collected(t, map[string]int{"one": 5, "two": 9, "three": 30})})
	if !strings.Contains(text(&m), "> 1     30") {
		t.Errorf("the cursor did not go with its cause:\n%s", text(&m))
	}
	press(t, &m, "enter")
	m.take(Update{Report: collected(t, map[string]int{"one": 50, "two": 9, "three": 31})})
	if !strings.Contains(text(&m), "three --now: 31 times") {
		t.Errorf("another cause is open:\n%s", text(&m))
	}
	m.take(Update{Report: collected(t, map[string]int{"one": 50, "two": 9})})
	if !strings.Contains(text(&m), "31 times") || !strings.Contains(text(&m), "part of another one by now") {
		t.Errorf("a cause that is gone:\n%s", text(&m))
	}
	press(t, &m, "esc")
	if !strings.Contains(text(&m), "> ") {
		t.Errorf("nothing is chosen:\n%s", text(&m))
	}
}

func TestSortAndFilter(t *testing.T) {
	m := opened(Options{}, collected(t, map[string]int{"early": 2, "late": 1}))
	for m.order != report.OrderLast {
		press(t, &m, "s")
	}
	if !strings.Contains(text(&m), "s sort: last") {
		t.Errorf("\n%s", text(&m))
	}
	press(t, &m, "/", "L", "a", "q", "backspace", "enter")
	if got := text(&m); !strings.Contains(got, "/La: 1 of 2") || strings.Contains(got, "early --now") {
		t.Errorf("\n%s", got)
	}
	press(t, &m, "esc")
	if !strings.Contains(text(&m), "early --now") {
		t.Errorf("\n%s", text(&m))
	}
	if cmd := press(t, &m, "q"); cmd == nil || cmd() != tea.Quit() {
		t.Error("q doesn't quit")
	}
}

func TestGroupsAreAskedFor(t *testing.T) {
	var feed wants
	m := opened(Options{Feed: &feed}, collected(t, map[string]int{"x": 2}))
	for range report.Groupings {
		press(t, &m, "g")()
	}
	for i, want := range feed {
		if by := report.Groupings[(i+1)%len(report.Groupings)]; want.By != by {
			t.Errorf("%d: %q is wanted, not %q", i, want.By, by)
		}
	}
	if len(feed) != len(report.Bys)+1 || feed[len(feed)-1].By != report.ByCause {
		t.Errorf("%d groupings, the last of which is %q", len(feed), feed[len(feed)-1].By)
	}
	m = opened(Options{Feed: &feed, Want: Want{By: report.ByPod}}, collected(t, map[string]int{"x": 2}))
	press(t, &m, "g")()
	if by := feed[len(feed)-1].By; by != report.ByContainer {
		t.Errorf("after pods come %q", by)
	}
}

// Time moves by keys and while it is played, and no further than the recording goes.
func TestTimeMoves(t *testing.T) {
	var feed wants
	m := opened(Options{Feed: &feed, File: "x.avro"}, collected(t, map[string]int{"x": 2}))
	if cmd := press(t, &m, "left"); cmd != nil || !strings.Contains(text(&m), "still reading") {
		t.Errorf("\n%s", text(&m))
	}
	m.take(Update{Span: Span{From: 100e9, Until: 700e9}})
	press(t, &m, "left")
	percent := 40
	m.take(Update{Reading: &percent, Want: m.want})
	if !strings.Contains(text(&m), "reading: 40 %") {
		t.Errorf("nothing tells that the table is not of that time yet:\n%s", text(&m))
	}
	press(t, &m, ">")
	last := func(cmd tea.Cmd) Want {
		t.Helper()
		if cmd == nil {
			t.Fatal("nothing is wanted")
		}
		switch msg := cmd().(type) {
		case tea.BatchMsg:
			for _, c := range msg[:1] {
				c()
			}
		case nil:
		}
		return feed[len(feed)-1]
	}
	for _, step := range []struct {
		key  string
		want uint64
	}{{"left", 690e9}, {"[", 630e9}, {"<", 100e9}, {"left", 100e9}, {"]", 160e9}, {">", 0}, {"space", 100e9}} {
		if got := last(press(t, &m, step.key)).Until; got != step.want {
			t.Errorf("%s: %d, want %d", step.key, got, step.want)
		}
	}
	if n := len(feed); m.tick(m.player.run) == nil || len(feed) != n {
		t.Error("it goes on though what was wanted is not shown")
	}
	for at := uint64(100e9); m.player.playing; {
		m.take(Update{Report: m.last.Report, Want: m.want})
		now := last(m.tick(m.player.run)).Until
		if now != 0 && now != at+2.5e9 {
			t.Fatalf("from %d to %d", at, now)
		}
		at = now
	}
	if m.tick(m.player.run-1) != nil {
		t.Error("an earlier play goes on")
	}
}

func TestCopy(t *testing.T) {
	m := opened(Options{}, collected(t, map[string]int{"hostnamectl": 2}))
	if cmd := press(t, &m, "c"); cmd != nil != (len(m.board.Commands(0)) > 0) {
		t.Errorf("\n%s", text(&m))
	}
}

// Whatever a process is called, what is shown has only what a terminal shows, and fits.
func TestHostileNames(t *testing.T) {
	names := map[string]int{"\x1b[2J\x1b]52;c;eA==\x07": 3, "a\nb\r\tc": 2, "\u202eevil\u200b": 2, "宽宽宽宽宽宽宽宽宽宽宽宽宽宽宽宽宽宽": 2, "e\u0301\u0301\u0301\u0301\u0301": 1, "\xff\xfe": 1, strings.Repeat("long ", 2000): 1}
	for _, size := range [][2]int{{1, 1}, {7, 5}, {40, 12}, {80, 24}, {200, 60}} {
		m := opened(Options{Color: true}, collected(t, names))
		next, _ := m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		m = next.(Model)
		for range names {
			for _, keys := range [][]string{{}, {"enter"}, {"down"}, {"down"}, {"esc"}, {"c"}} {
				press(t, &m, keys...)
				checkScreen(t, &m, size)
			}
			press(t, &m, "down")
		}
	}
}

func checkScreen(t *testing.T, m *Model, size [2]int) {
	t.Helper()
	lines := m.Screen()
	if len(lines) > size[1] {
		t.Fatalf("%v: %d lines", size, len(lines))
	}
	for _, line := range lines {
		if ansi.StringWidth(line) > size[0] {
			t.Errorf("%v: too wide: %q", size, line)
		}
		for _, code := range []string{"0", "1", "2", "7", "31", "36"} {
			line = strings.ReplaceAll(line, "\x1b["+code+"m", "")
		}
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsGraphic(r) || r == unicode.ReplacementChar }); i >= 0 {
			t.Errorf("%v: %q", size, line)
		}
	}
}

// A screen of as many causes as there are is laid out in little time.
func TestManyCauses(t *testing.T) {
	counts := make(map[string]int)
	for i := range 500 {
		counts[fmt.Sprintf("job%c%c", 'a'+i/25, 'a'+i%25)] = 1 + i%7
	}
	r := collected(t, counts)
	begun := time.Now()
	m := opened(Options{}, r)
	m.Screen()
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %s", took)
	}
	press(t, &m, "/", "j", "o", "b")
}
