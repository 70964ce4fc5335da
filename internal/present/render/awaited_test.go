package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// TestAnExecThatIsAwaited: the line says that the program is not known which a
// process was to become. What had a program of its own need not become another.
func TestAnExecThatIsAwaited(t *testing.T) {
	for _, tc := range []struct {
		about     string
		inherited bool
		awaited   bool
		text      bool
	}{
		{"a manager's child that took too long", true, true, true},
		{"one that has ended", true, false, false},
		{"a program", false, true, false},
	} {
		p := process(50, "(d)", "/sbin/init")
		p.ArgvInherited = tc.inherited
		c := unblamed(&lineage.Creation{
			Process: p, Ancestry: []lineage.Process{systemd()}, ExecAwaited: tc.awaited,
			Netns: event.NetnsCreate{Inum: 7, Call: event.CallUnshare},
		})
		var line, tree, lines bytes.Buffer
		for _, consumer := range []finding.Consumer{
			NewText(&line, &bytes.Buffer{}, TextOptions{}), NewText(&tree, &bytes.Buffer{}, TextOptions{Tree: true}), NewJSON(&lines),
		} {
			if err := consumer.Consume(created(c)); err != nil {
				t.Fatal(err)
			}
		}
		const words = ", no exec in the time waited"
		if strings.Contains(line.String(), words) != tc.text || strings.Contains(tree.String(), words) != tc.text {
			t.Errorf("%s:\n%s%s", tc.about, line.String(), tree.String())
		}
		if strings.Contains(lines.String(), `"exec_awaited":true`) != tc.awaited {
			t.Errorf("%s: %s", tc.about, lines.String())
		}
	}
}
