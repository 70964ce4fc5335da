package top

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nsblame/nsblame/internal/explain/report"
)

// View implements tea.Model.
func (m Model) View() tea.View {
	v := tea.NewView(strings.Join(m.Screen(), "\n"))
	v.AltScreen = true
	v.WindowTitle = "nsblame top"
	return v
}

// Screen is what is to be seen: as many lines as the screen has, none wider than it.
func (m Model) Screen() []string {
	var lines []string
	switch {
	case m.page == pageHelp, m.page == pageCause:
		lines = m.lines[min(m.scroll, len(m.lines)):]
		lines = lines[:min(len(lines), m.room())]
	case m.board == nil:
		lines = []string{m.waiting()}
	default:
		lines = m.table()
	}
	lines = append([]string(nil), lines[:min(len(lines), m.height-1)]...)
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines, m.foot())
	for i, line := range lines {
		if ansi.StringWidth(line) > m.width {
			lines[i] = ansi.Truncate(line, m.width, "…")
		}
	}
	return lines
}

// waiting is what is said before there is a report.
func (m *Model) waiting() string {
	if m.opt.File == "" {
		return "watching: nothing to show yet"
	}
	return "reading " + m.opt.File + m.progress()
}

func (m *Model) progress() string {
	if m.last.Reading == nil {
		return ""
	}
	return fmt.Sprintf(": %d %%", *m.last.Reading)
}

// layout is how many lines the parts of the table's page have.
type layout struct{ head, rows, happens, slider int }

// layout divides the screen. The less room there is, the more goes to the rows.
func (m *Model) layout() layout {
	var l layout
	if m.board == nil {
		return l
	}
	room := m.height - 2 // for the titles and the foot
	if m.opt.File != "" && room > 2 {
		l.slider = 1
	}
	room -= l.slider
	l.head = min(len(m.board.Head()), max(0, room/3))
	room -= l.head
	if i, ok := m.cause(); ok && room > 4 {
		l.happens = min(len(m.board.Happens(i)), (room-1)/2) + 1
	}
	l.rows = max(0, room-l.happens)
	return l
}

// table is the page with the table of causes.
func (m *Model) table() []string {
	l := m.layout()
	lines := append([]string(nil), m.board.Head()[:l.head]...)
	lines = append(lines, m.board.Titles())
	lines = append(lines, m.visible(l.rows)...)
	if i, ok := m.cause(); ok && l.happens > 0 {
		lines = append(lines, "")
		lines = append(lines, m.happens(i, l.happens-1)...)
	}
	if l.slider > 0 {
		lines = append(lines, m.slider())
	}
	return lines
}

// happens is what the chosen cause does. If that is too long its last lines, the first of
// all the command, are more useful than those before.
func (m *Model) happens(i, room int) []string {
	lines := m.board.Happens(i)
	if len(lines) > room {
		lines = append(append([]string(nil), lines[:room-1]...), lines[len(lines)-1])
	}
	return lines
}

// visible are so many rows, with the one that is chosen among them.
func (m *Model) visible(room int) []string {
	if len(m.rows) == 0 {
		lines := []string{m.nothing()}
		for len(lines) < room {
			lines = append(lines, "")
		}
		return lines[:room]
	}
	rest := m.last.Report.Rest
	first := m.first(room)
	var lines []string
	for at := first; at < len(m.rows) && len(lines) < room; at++ {
		lines = append(lines, m.row(at))
	}
	if len(lines) < room && rest.Causes > 0 {
		lines = append(lines, m.faint(fmt.Sprintf("  and %d more causes with %d creations, which are less frequent", rest.Causes, rest.Creations)))
	}
	for len(lines) < room {
		lines = append(lines, "")
	}
	return lines
}

// first is the first row to show, so that the chosen one is among them.
func (m *Model) first(room int) int {
	if m.cursor < room {
		return 0
	}
	return m.cursor - room + 1
}

func (m *Model) nothing() string {
	if m.filter != "" {
		return "  no cause has “" + m.filter + "” in it: Esc shows all"
	}
	if m.last.Report.Running {
		return "  no network namespace was created yet"
	}
	return "  no network namespace was created"
}

func (m *Model) row(at int) string {
	line := m.board.Row(m.rows[at])
	if at != m.cursor {
		return line
	}
	plain := "> " + strings.TrimPrefix(ansi.Strip(line), "  ")
	return "\x1b[7m" + plain + strings.Repeat(" ", max(0, m.width-ansi.StringWidth(plain))) + "\x1b[0m"
}

func (m *Model) faint(text string) string {
	if !m.opt.Color {
		return text
	}
	return "\x1b[2m" + text + "\x1b[0m"
}

// slider is where in the recording the table is.
func (m *Model) slider() string {
	s := m.last.Span
	if s == (Span{}) {
		return "reading" + m.progress() + ": the table is of what was read"
	}
	state := "  space plays"
	if m.player.playing {
		state = "  playing, " + pace(m.pace())
	} else if m.last.Reading != nil && m.last.Want != m.want {
		state = "  reading" + m.progress()
	}
	left := m.board.At(m.now()) + " "
	room := m.width - len(left) - len(state)
	if room < 8 {
		return left + strings.TrimSpace(state)
	}
	at := 0
	if m.length() > 0 {
		at = int(float64(m.now()-min(m.now(), s.From)) / float64(m.length()) * float64(room-1))
	}
	at = max(0, min(at, room-1))
	return left + strings.Repeat("━", at) + "●" + m.faint(strings.Repeat("─", room-1-at)) + state
}

// pace is how much time goes by in a second.
func pace(d time.Duration) string {
	return d.Round(100*time.Millisecond).String() + " in 1s"
}

// foot is the last line.
func (m *Model) foot() string {
	switch {
	case m.filtering:
		return "/" + m.filter + "▏ Enter keeps the filter, Esc drops it"
	case m.status != "":
		return m.status
	case m.page == pageHelp:
		return m.keys("Esc back", "↑↓ scroll", "Ctrl-C quit")
	case m.page == pageCause && m.merged:
		return "this cause is part of another one by now: Esc back"
	case m.page == pageCause:
		return m.keys("Esc back", m.position(), "c copy the command", "? help", "q quit")
	}
	filter := "/ filter"
	if m.filter != "" {
		filter = fmt.Sprintf("/%s: %d of %d, Esc drops it", m.filter, len(m.rows), len(m.last.Report.Causes))
	}
	ended := ""
	if m.last.Ended {
		ended = "ended: nothing more comes"
	}
	return m.keys(ended, "Enter open", "q quit", "? help", filter, "c copy", "s sort: "+string(m.order), "g group: "+groupName(m.want.By))
}

func groupName(by report.By) string {
	if by == report.ByCause {
		return "cause"
	}
	return string(by)
}

// position says how much there is to scroll.
func (m *Model) position() string {
	if len(m.lines) <= m.room() {
		return ""
	}
	return fmt.Sprintf("↑↓ %d-%d of %d", m.scroll+1, min(m.scroll+m.room(), len(m.lines)), len(m.lines))
}

// keys joins as many hints as there is room for.
func (m *Model) keys(list ...string) string {
	text := ""
	for _, hint := range list {
		if hint == "" {
			continue
		}
		longer := text + hint
		if text != "" {
			longer = text + "  " + hint
		}
		if ansi.StringWidth(longer) > m.width {
			break
		}
		text = longer
	}
	return m.faint(text)
}
