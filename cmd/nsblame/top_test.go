package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nsblame/nsblame/internal/bench/busynode"
	"github.com/nsblame/nsblame/internal/present/top"
)

// topPatience is how long a screen is waited for: on a machine with much else to do, too.
const topPatience = 5 * time.Minute

// topScreen is the screen of top without a terminal: what the feed sends, and the keys
// that are pressed, go to the model at once.
type topScreen struct {
	t     *testing.T
	model tea.Model
	sent  chan tea.Msg
	want  *player
	// first is the first screen that had a table.
	first string
}

func openTop(t *testing.T, width, height int, file string) *topScreen {
	t.Helper()
	view := newReportView()
	opt := &topOptions{from: []string{file}, by: view.by, sort: view.sort, color: newColorFlag(), live: newLiveFlags(), memory: newMemoryFlag()}
	s := &topScreen{t: t, sent: make(chan tea.Msg)}
	s.want = newPlayer(opt, opt.from, &notes{})
	s.want.toldEvery, s.want.partEvery = 0, 0 // all that can be sent is
	ctx, cancel := context.WithCancel(t.Context())
	s.want.send = func(m tea.Msg) {
		select {
		case s.sent <- m:
		case <-ctx.Done():
		}
	}
	src, err := s.want.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.want.play(ctx, src) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	opt.from = []string{filepath.Base(file)}
	s.model = opt.screen(s.want, nil)
	s.tell(tea.WindowSizeMsg{Width: width, Height: height})
	s.next()
	return s
}

// tell gives the model a message, and does what it wants done.
func (s *topScreen) tell(msg tea.Msg) {
	model, cmd := s.model.Update(msg)
	s.model = model
	if cmd != nil {
		cmd()
	}
}

// next waits for what was wanted.
func (s *topScreen) next() {
	s.t.Helper()
	for {
		select {
		case msg := <-s.sent:
			s.tell(msg)
			u, ok := msg.(top.Update)
			if ok && u.Report != nil && s.first == "" {
				s.first = s.text()
			}
			if ok && u.Report != nil && u.Reading == nil && u.Want == s.want.wanted() {
				return
			}
		case <-time.After(topPatience):
			s.t.Fatal("no report came")
		}
	}
}

// key is a key by the name that bubbletea has for it.
func key(name string) tea.KeyPressMsg {
	for k := range map[rune]string{
		tea.KeyEnter: "enter", tea.KeyEscape: "esc", tea.KeyDown: "down", tea.KeyUp: "up", tea.KeyPgDown: "pgdown",
		tea.KeyLeft: "left", tea.KeyRight: "right", tea.KeyEnd: "end", tea.KeySpace: "space", tea.KeyBackspace: "backspace",
	} {
		if msg := (tea.KeyPressMsg{Code: k}); msg.String() == name {
			return msg
		}
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

func (s *topScreen) press(names ...string) {
	for _, name := range names {
		s.tell(key(name))
	}
}

func (s *topScreen) text() string {
	s.t.Helper()
	lines := s.model.(top.Model).Screen()
	return ansi.Strip(strings.Join(lines, "\n")) + "\n"
}

// pages are all that is to be seen of what is open, one screen after the other.
func (s *topScreen) pages() string {
	var b strings.Builder
	for last := ""; s.text() != last; s.press("pgdown") {
		last = s.text()
		b.WriteString(last + strings.Repeat("-", 20) + "\n")
	}
	return b.String()
}

// The screens of the examples, as a person sees them who goes through them.
func TestTopScreens(t *testing.T) {
	for _, name := range []string{"kubernetes", "hostnamectl"} {
		for _, size := range [][2]int{{80, 24}, {120, 40}} {
			title := fmt.Sprintf("%s-%dx%d", name, size[0], size[1])
			t.Run(title, func(t *testing.T) {
				s := openTop(t, size[0], size[1], filepath.Join(exampleDir, name+".avro"))
				var b strings.Builder
				part := func(title, text string) { b.WriteString("-- " + title + " --\n" + text) }
				part("table", s.text())
				s.press("enter")
				part("cause", s.pages())
				s.press("esc", "/", "n", "o", "s", "u", "c", "h")
				part("filter", s.text())
				s.press("esc", "g")
				s.next()
				part("by workload", s.text())
				s.press("g", "g", "g", "g", "g", "g", "g")
				s.next()
				s.press("[", "[", "[", "[", "[")
				s.next()
				part("half of it", s.text())
				s.press("?")
				part("help", s.pages())
				checkGolden(t, filepath.Join("testdata", "top", title+".golden"), []byte(b.String()))
			})
		}
	}
}

// On any screen nothing panics, and nothing is wider or higher than it.
func TestTopFitsAnyScreen(t *testing.T) {
	s := openTop(t, 80, 24, filepath.Join(exampleDir, "kubernetes.avro"))
	for _, width := range []int{1, 2, 5, 10, 19, 20, 21, 40, 79, 200} {
		for _, height := range []int{1, 2, 3, 4, 6, 10, 24} {
			for _, keys := range [][]string{{}, {"down"}, {"enter"}, {"pgdown"}, {"?"}, {"esc"}, {"esc"}, {"/"}, {"q"}, {"esc"}, {"s"}} {
				s.press(keys...)
				s.tell(tea.WindowSizeMsg{Width: width, Height: height})
				lines := s.model.(top.Model).Screen()
				if len(lines) > height {
					t.Fatalf("%dx%d: %d lines", width, height, len(lines))
				}
				for _, line := range lines {
					if ansi.StringWidth(line) > width {
						t.Errorf("%dx%d: %q is too wide", width, height, line)
					}
				}
			}
		}
	}
}

// Any moment of a recording, in whatever order they are looked at, has the same table.
func TestTopIsTheSameAtAMoment(t *testing.T) {
	s := openTop(t, 80, 24, filepath.Join(exampleDir, "kubernetes.avro"))
	end := s.text()
	s.press("[", "[", "[")
	s.next()
	earlier := s.text()
	if earlier == end {
		t.Error("nothing has changed")
	}
	s.press("<")
	s.next()
	s.press("]", "]", "]", "]", "]", "]", "]")
	s.next()
	s.press(">")
	s.next()
	if got := s.text(); got != end {
		t.Errorf("the end is\n%s, it was\n%s", got, end)
	}
	s.press("[", "[", "[")
	s.next()
	if got := s.text(); got != earlier {
		t.Errorf("a moment is\n%s, it was\n%s", got, earlier)
	}
}

// Of a recording that takes long to read there is a table before all of it was read.
func TestTopShowsWhatWasRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "busy.avro")
	writeBusy(t, file, busynode.Quick())
	s := openTop(t, 80, 24, file)
	whole := s.text()
	if !strings.Contains(s.first, "reading: ") || !strings.Contains(s.first, "pod payments/ledger-0") {
		t.Errorf("the first screen is\n%s", s.first)
	}
	if strings.Contains(whole, "reading") || !strings.Contains(whole, "space plays") {
		t.Errorf("the last screen is\n%s", whole)
	}
}
