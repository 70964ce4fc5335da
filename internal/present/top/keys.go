package top

import (
	"slices"
	"unicode"

	tea "charm.land/bubbletea/v2"

	"github.com/nsblame/nsblame/internal/explain/report"
)

// maxFilter bounds what is looked for, in characters.
const maxFilter = 64

// key does what a key is for.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	}
	m.status = ""
	switch {
	case m.filtering:
		return m.filterKey(k)
	case m.page == pageHelp:
		return m.helpKey(k)
	}
	switch k.String() {
	case "q":
		return tea.Quit
	case "?", "h", "f1":
		m.under, m.page, m.scroll = m.page, pageHelp, 0
		m.lines = m.helpLines()
		return nil
	case "c", "y":
		return m.copy(0)
	}
	if cmd, done := m.playerKey(k); done {
		return cmd
	}
	if m.page == pageCause {
		return m.causeKey(k)
	}
	return m.tableKey(k)
}

func (m *Model) tableKey(k tea.KeyPressMsg) tea.Cmd {
	page := max(1, m.layout().rows-1)
	switch k.String() {
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "pgup", "ctrl+b":
		m.move(-page)
	case "pgdown", "ctrl+f":
		m.move(page)
	case "home":
		m.move(-len(m.rows))
	case "end":
		m.move(len(m.rows))
	case "enter":
		m.open()
	case "esc":
		m.filter = ""
		m.sift()
	case "/":
		m.filtering = true
	case "s":
		at := slices.Index(report.Orders, m.order)
		m.order = report.Orders[(at+1)%len(report.Orders)]
		m.moved, m.cursor = false, 0
		m.lay()
	case "g":
		return m.regroup()
	}
	return nil
}

func (m *Model) move(by int) {
	m.moved = true
	m.choose(m.cursor + by)
}

// open shows the cause that is chosen.
func (m *Model) open() {
	if _, ok := m.cause(); !ok {
		return
	}
	m.page, m.scroll, m.moved = pageCause, 0, true
	m.describe()
}

func (m *Model) regroup() tea.Cmd {
	at := slices.Index(report.Groupings, m.want.By)
	m.want.By = report.Groupings[(at+1)%len(report.Groupings)]
	return m.ask()
}

// filterKey takes what is looked for, letter by letter.
func (m *Model) filterKey(k tea.KeyPressMsg) tea.Cmd {
	letters := []rune(m.filter)
	switch k.String() {
	case "enter":
		m.filtering = false
	case "esc":
		m.filtering, letters = false, nil
	case "backspace", "ctrl+h":
		letters = letters[:max(0, len(letters)-1)]
	case "ctrl+u":
		letters = nil
	case "up":
		m.move(-1)
	case "down":
		m.move(1)
	default:
		for _, r := range k.Text {
			if unicode.IsPrint(r) && len(letters) < maxFilter {
				letters = append(letters, r)
			}
		}
	}
	m.filter = string(letters)
	m.sift()
	return nil
}

func (m *Model) causeKey(k tea.KeyPressMsg) tea.Cmd {
	switch key := k.String(); key {
	case "esc", "backspace", "enter":
		m.page = pageTable
		m.sift()
	default:
		if len(key) == 1 && key[0] >= '1' && key[0] <= '9' {
			return m.copy(int(key[0] - '1'))
		}
		m.rollKey(key)
	}
	return nil
}

func (m *Model) helpKey(k tea.KeyPressMsg) tea.Cmd {
	switch key := k.String(); key {
	case "esc", "q", "?", "h", "f1", "enter":
		m.page, m.scroll = m.under, 0
		m.lay()
	default:
		m.rollKey(key)
	}
	return nil
}

func (m *Model) rollKey(key string) {
	switch key {
	case "up", "k":
		m.roll(-1)
	case "down", "j":
		m.roll(1)
	case "pgup", "ctrl+b":
		m.roll(1 - m.room())
	case "pgdown", "ctrl+f":
		m.roll(m.room() - 1)
	case "home":
		m.roll(-len(m.lines))
	case "end":
		m.roll(len(m.lines))
	}
}

// copy puts the n-th command against the chosen cause into the clipboard of the terminal.
func (m *Model) copy(n int) tea.Cmd {
	i, ok := m.cause()
	if !ok || m.merged {
		return nil
	}
	commands := m.board.Commands(i)
	switch {
	case len(commands) == 0:
		m.status = "no command ends this cause"
		return nil
	case n >= len(commands):
		return nil
	}
	m.status = "sent to the terminal's clipboard (OSC 52" + m.opt.Clipboard + "): " + commands[n]
	return tea.SetClipboard(commands[n])
}
