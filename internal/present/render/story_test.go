package render

import (
	"strings"
	"testing"
)

// A command that takes more than a row can be copied all the same: a shell reads on after
// the backslash.
func TestCommandsGoOn(t *testing.T) {
	argv := []string{"systemctl", "show", "--property", "TriggeredBy,WantedBy,RequiredBy", "a b.service", "x=y"}
	whole := string(appendArgv(nil, argv, maxTreeCommand))
	for columns, rows := range map[int]int{0: 1, 200: 1, 80: 2, 60: 3} {
		b := block{width: columns}
		b.command(argv)
		text := strings.TrimSuffix(b.text.String(), "\n")
		if n := strings.Count(text, "\n") + 1; n != rows {
			t.Errorf("%d columns: %d rows\n%s", columns, n, text)
		}
		if columns > 0 {
			fits(t, text, columns)
		}
		read := strings.Join(strings.Fields(strings.ReplaceAll(text, "\\\n", "")), " ")
		if read != "$ "+whole {
			t.Errorf("%d columns: a shell reads %s, and should %s", columns, read, whole)
		}
	}
}
