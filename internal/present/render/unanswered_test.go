package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// What a manager's answer lacks is shown: files that were not read, and what was
// said beyond what is kept.
func TestWhatAnAnswerLacksIsShown(t *testing.T) {
	p := process(342, "(x)", "/sbin/init")
	p.Cgroup = "/system.slice/x.service"
	c := unblamed(&lineage.Creation{Netns: event.NetnsCreate{Inum: 7}, Process: p})
	c.Unanswered = finding.UnitGaps{Cut: true, Problems: []string{"read /proc/kmsg: not on a \x1b file system for files"}}
	var text, stderr, json bytes.Buffer
	if err := NewText(&text, &stderr, TextOptions{Tree: true}).Consume(created(c)); err != nil {
		t.Fatal(err)
	}
	if err := NewJSON(&json).Consume(created(c)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`not read  read /proc/kmsg: not on a \x1b file system for files`, "cut       " + unitCutText} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	for _, want := range []string{`"problems":["read /proc/kmsg: not on a \u001b file system for files"]`, `"cut":true`} {
		if !strings.Contains(json.String(), want) {
			t.Errorf("no %s in %s", want, json.String())
		}
	}
	if !c.Cut() {
		t.Error("it does not count as cut")
	}
}
