package top

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

const (
	// step is how often the time goes on while a recording is played.
	step = 250 * time.Millisecond
	// playTime is how long it takes to play all of a recording.
	playTime = time.Minute
	// smallSteps and largeSteps are how many steps of the slider a recording has.
	smallSteps, largeSteps = 60, 10
	// maxFactor is how much faster or slower it can be played.
	maxFactor = 64
)

// tickMsg has the time go on. Those of an earlier play are of another number.
type tickMsg int

// player moves through the time of a recording.
type player struct {
	playing bool
	run     tickMsg
	factor  float64
}

// playerKey does what a key is for that moves in time, and reports whether it is one.
func (m *Model) playerKey(k tea.KeyPressMsg) (cmd tea.Cmd, done bool) {
	key := k.String()
	if m.opt.File == "" {
		return nil, false
	}
	var by int64
	switch key {
	case "left":
		by = -m.length() / smallSteps
	case "right":
		by = m.length() / smallSteps
	case "[":
		by = -m.length() / largeSteps
	case "]":
		by = m.length() / largeSteps
	case "<":
		by = -m.length()
	case ">":
		by = m.length()
	case "space", " ":
		return m.play(), true
	case "+", "=":
		m.player.factor = min(maxFactor, m.player.factor*2)
		return nil, true
	case "-":
		m.player.factor = max(1./maxFactor, m.player.factor/2)
		return nil, true
	default:
		return nil, false
	}
	if m.last.Span == (Span{}) {
		m.status = "still reading: the time can be moved once all of it was read"
		return nil, true
	}
	m.player.playing = false
	return m.seek(by), true
}

// length is how long the recording is.
func (m *Model) length() int64 { return int64(m.last.Span.Until - m.last.Span.From) }

// now is the moment that is shown.
func (m *Model) now() uint64 {
	if m.want.Until == 0 {
		return m.last.Span.Until
	}
	return m.want.Until
}

// seek moves the time.
func (m *Model) seek(by int64) tea.Cmd {
	s := m.last.Span
	at := max(int64(s.From), int64(m.now())+by)
	if m.want.Until = uint64(max(1, at)); at >= int64(s.Until) {
		m.want.Until = 0
	}
	return m.ask()
}

// play begins to have the time go on, or ends it. What has come to its end begins anew.
func (m *Model) play() tea.Cmd {
	if m.last.Span == (Span{}) {
		m.status = "still reading: it can be played once all of it was read"
		return nil
	}
	m.player.playing = !m.player.playing
	if !m.player.playing {
		return nil
	}
	m.player.run++
	var rewind tea.Cmd
	if m.want.Until == 0 {
		rewind = m.seek(-m.length())
	}
	return tea.Batch(rewind, m.later())
}

func (m *Model) later() tea.Cmd {
	run := m.player.run
	return tea.Tick(step, func(time.Time) tea.Msg { return run })
}

// pace is how much time of the recording goes by in a second.
func (m *Model) pace() time.Duration {
	return time.Duration(float64(m.length()) / playTime.Seconds() * m.player.factor)
}

// tick has the time go on, once what was wanted before is shown.
func (m *Model) tick(run tickMsg) tea.Cmd {
	if !m.player.playing || run != m.player.run {
		return nil
	}
	if m.last.Want != m.want {
		return m.later()
	}
	seek := m.seek(max(1, int64(float64(m.pace())*step.Seconds())))
	if m.want.Until == 0 {
		m.player.playing = false
		return seek
	}
	return tea.Batch(seek, m.later())
}
