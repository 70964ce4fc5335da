package render

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// hostileStrings are what processes, units, cgroups and files are named so that
// it does harm where it is not escaped.
var hostileStrings = []struct{ name, text string }{
	{"escape", "\x1b[31m\x1b]0;title\a\x1b[2J"},
	{"lines", "a\nnetns 1 created\r\x85\u2028\u2029b"},
	{"direction", "\u202egnp.exe\u202c\u2066\u200e\u200b\u2060\ufeff"},
	{"c1", "\u009b31m\u0090\u009c"},
	{"bytes", "\xff\xfe\x80 \xc0\xaf \xed\xa0\x80"},
	{"markdown", "`` ` ```\n# h\n- x | y\n[a](http://x) ![b](c) <b>*e* http://x.org &lt; @you #1"},
	{"blank", "\u3164\u115f\ufe0f\u2800\u00ad"},
	{"nothing", ""},
	{"spaces", strings.Repeat(" ", 64)},
	{"controls", strings.Repeat("\x01", 64)},
}

// TestHostileGolden shows each of them in each form, where everything that has a
// name has that one.
func TestHostileGolden(t *testing.T) {
	var line, tree, object, text, detail, markdown, report bytes.Buffer
	printers := []finding.Consumer{
		NewText(&line, &line, TextOptions{Life: true}), NewText(&tree, &tree, TextOptions{Tree: true, Life: true}), NewJSON(&object),
	}
	for _, s := range hostileStrings {
		c := named(s.text, "plain")
		for _, p := range printers {
			err := errors.Join(
				p.Consume(&finding.Covered{BootNS: 1, Coverage: &event.Coverage{Probe: event.Probe(s.text), AttachMethod: s.text, Why: s.text}}),
				p.Consume(created(c)),
				p.Consume(&finding.Ended{BootNS: 2, Release: &finding.Release{Netns: event.NetnsRelease{Inum: 9, Comm: s.text, Held: event.Held(s.text)}, By: &c.Process}}),
				p.Consume(&finding.Lost{BootNS: 3, Loss: &event.Loss{Kind: event.LossKind(s.text), Count: 1}}),
				p.Consume(&finding.Damaged{BootNS: 4, Damage: &event.Damage{Why: s.text}}),
				p.Consume(&finding.Summary{Seen: 1, Lost: map[event.LossKind]uint64{event.LossKind(s.text): 1}, Redacted: s.text}),
			)
			if err != nil {
				t.Fatal(err)
			}
		}
		r := reportOf(false, named(s.text, "plain"))
		markdownHolds(t, r)
		reportIsLossless(t, r)
		if err := errors.Join(ReportText(&text, r, &ReportOptions{All: true}), ReportText(&detail, r, &ReportOptions{One: true, Width: 80}), ReportMarkdown(&markdown, r, &ReportOptions{}), ReportJSON(&report, r)); err != nil {
			t.Fatal(err)
		}
	}
	for name, out := range map[string]*bytes.Buffer{
		"line": &line, "tree": &tree, "json": &object, "report.text": &text, "report.cause": &detail, "report.markdown": &markdown, "report.json": &report,
	} {
		harmless(t, out.String())
		golden(t, "hostile."+name+".golden", out.Bytes())
	}
}
