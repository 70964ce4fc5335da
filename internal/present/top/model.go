package top

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
)

// Want is what a screen wants to show.
type Want struct {
	// By is what the causes are to be grouped by.
	By report.By
	// Until is the moment of a recording, in nanoseconds since boot, of which the report
	// is to be; 0 for its end.
	Until uint64
}

// Feed is where reports come from. It sends each as an Update.
type Feed interface {
	// Show has the next report be as wanted. It must not block.
	Show(Want)
}

// Update is a message with what is known by now.
type Update struct {
	// Report is the report, nil if there is none yet. It belongs to the screen.
	Report *report.Report
	// Want is what the report was asked for.
	Want Want
	// Reading is how much of a recording was read, in percent, while it is read.
	Reading *int
	// Ended is set when no more comes by itself.
	Ended bool
	// Span bounds a recording, once it was read whole.
	Span Span
	// Note is something to tell, such as a warning.
	Note string
}

// Span is from when until when a recording is, in nanoseconds since boot.
type Span struct{ From, Until uint64 }

// Options say what a screen is of.
type Options struct {
	Feed Feed
	// File is the recording, as the user named it; empty for the running kernel.
	File  string
	Want  Want
	Order report.Order
	Color bool
	// Clipboard says what the terminal needs for what is copied to get anywhere.
	Clipboard string
}

// page is what is on the screen.
type page int

const (
	pageTable page = iota
	pageCause
	pageHelp
)

// Model is the screen.
type Model struct {
	opt           Options
	width, height int
	last          Update
	want          Want
	order         report.Order
	board         *render.Board
	rows          []int // the causes that pass the filter, as they are sorted
	// cursor is the row that is chosen, and chosen its cause. moved is set once a person
	// chose it: from then on it stays with the cause.
	cursor    int
	chosen    uint64
	moved     bool
	filter    string
	filtering bool
	page      page
	under     page // what help covers
	// lines are those of the cause that is open or of the help, scroll the first of them
	// that is shown.
	lines  []string
	scroll int
	// merged is set when the cause that is open is none of its own any more.
	merged bool
	status string
	player player
}

// New returns a screen that waits for its first report.
func New(opt Options) Model {
	if opt.Order == "" {
		opt.Order = report.OrderCount
	}
	return Model{opt: opt, want: opt.Want, order: opt.Order, width: 80, height: 24, player: player{factor: 1}}
}

// Init implements tea.Model.
func (m Model) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = max(1, msg.Width), max(1, msg.Height)
		m.lay()
		return m, tea.ClearScreen // a terminal that is far away was resized before what came last
	case Update:
		m.take(msg)
	case tickMsg:
		return m, m.tick(msg)
	case tea.KeyPressMsg:
		return m, m.key(msg)
	}
	return m, nil
}

// take takes what the feed has sent.
func (m *Model) take(u Update) {
	if u.Note != "" {
		m.status = u.Note
	}
	if u.Span == (Span{}) {
		u.Span = m.last.Span
	}
	if u.Report == nil {
		u.Report, u.Want, u.Ended = m.last.Report, m.last.Want, u.Ended || m.last.Ended
	} else if m.last.Report != nil && m.last.Report.By != u.Report.By {
		m.moved, m.cursor = false, 0
		if m.page == pageCause {
			m.page = pageTable
		}
	}
	m.last = u
	m.lay()
}

// lay lays out what is known, for the screen as it is.
func (m *Model) lay() {
	r := m.last.Report
	if r == nil {
		return
	}
	r.Sort(m.order)
	m.board = render.NewBoard(r, &render.ReportOptions{Color: m.opt.Color, Width: m.width})
	m.sift()
	if m.page == pageCause {
		m.describe()
	}
	if m.page == pageHelp {
		m.lines = m.helpLines()
	}
	m.roll(0)
}

// sift finds the causes that pass the filter, and the one that is chosen among them.
func (m *Model) sift() {
	if m.board == nil {
		return
	}
	words := strings.Fields(strings.ToLower(m.filter))
	m.rows = nil
	for i := range m.last.Report.Causes {
		if len(words) == 0 || has(m.board.Text(i), words) {
			m.rows = append(m.rows, i)
		}
	}
	if m.moved || m.page == pageCause {
		if at := slices.IndexFunc(m.rows, func(i int) bool { return m.last.Report.Causes[i].ID == m.chosen }); at >= 0 {
			m.cursor = at
		}
	}
	if m.page != pageCause {
		m.choose(m.cursor)
	}
}

func has(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// choose puts the cursor into a row, or the one next to that.
func (m *Model) choose(row int) {
	m.cursor = max(0, min(row, len(m.rows)-1))
	if c, ok := m.cause(); ok {
		m.chosen = m.last.Report.Causes[c].ID
	}
}

// cause is the place of the cause that is chosen in the report.
func (m *Model) cause() (int, bool) {
	if m.board == nil || m.cursor >= len(m.rows) {
		return 0, false
	}
	return m.rows[m.cursor], true
}

// describe has the lines of the cause that is open.
func (m *Model) describe() {
	all := m.last.Report.Causes
	i := slices.IndexFunc(all, func(c report.Cause) bool { return c.ID == m.chosen })
	if m.merged = i < 0; !m.merged {
		m.lines = m.board.Cause(i)
	}
}

// roll moves what is shown of the lines.
func (m *Model) roll(by int) {
	m.scroll = max(0, min(m.scroll+by, len(m.lines)-m.room()))
}

// room is how many lines of a cause or of the help there is room for.
func (m *Model) room() int { return max(1, m.height-1) }

// ask has the feed show what is wanted.
func (m *Model) ask() tea.Cmd {
	want, feed := m.want, m.opt.Feed
	return func() tea.Msg {
		feed.Show(want)
		return nil
	}
}
