package top

import (
	"github.com/nsblame/nsblame/internal/present/render"
)

// helpText says what the keys do.
var helpText = []string{
	"nsblame top: who keeps creating network namespaces",
	"",
	"↑ ↓ PgUp PgDn   choose a cause; the table is sorted by what s shows",
	"Enter           all that is known of it: what ends it, the last hour, who and",
	"                why, the chain with its evidence, the last namespaces",
	"Esc             back; in the table: drop the filter",
	"/               filter as you type, by words of any column",
	"s               sort by count, open, failed, lived, cost, first, last",
	"g               by cause, workload, pod, container, unit, origin, user, command",
	"c or y          copy the command that is to be tried first; 1 to 9 in a cause",
	"                copy the command of that number",
	"q or Ctrl-C     quit",
	"",
}

var helpRecording = []string{
	"← →             move in time by a 60th of the recording; [ ] by a 10th",
	"< >             its beginning, its end",
	"space           play, pause; + and - double and halve the speed",
	"",
	"The table is as it would have been at that moment: of all from the beginning of",
	"the recording until then.",
	"",
}

var helpCopy = []string{
	"What is copied goes to the terminal as OSC 52. The terminal may refuse it, and",
	"tmux passes it on only with: tmux set -g set-clipboard on",
	"",
	"% is the share of all creations, OPEN how many namespaces exist, LIVED the",
	"median of their lives. A line with ! says what was lost or not seen: what it",
	"may have hidden is not in the table.",
}

func (m *Model) helpLines() []string {
	text := helpText
	if m.opt.File != "" {
		text = append(append([]string(nil), text...), helpRecording...)
	}
	var lines []string
	for _, line := range append(append([]string(nil), text...), helpCopy...) {
		lines = append(lines, render.Wrap(line, m.width)...)
	}
	return lines
}
