package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// reportOf is the report of some creations, in a stream with all that can be
// wrong with one, or with nothing wrong.
func reportOf(broken bool, list ...*finding.Attribution) *report.Report {
	c := report.NewCollector()
	if broken {
		c.RankCosts()
	}
	consume := func(f finding.Finding) {
		if err := c.Consume(f); err != nil {
			panic(err) // a collector has none
		}
	}
	see := func(boot uint64, bodies ...event.Body) {
		for _, b := range bodies {
			consume(&finding.Observed{Event: event.Event{BootNS: boot, Body: b}})
		}
	}
	began := at(1, 41, 0, 0)
	h := *host.Body.(*event.Host)
	h.Version, h.Kernel, h.Arch = "v1.2.3", "6.1.0", "amd64"
	units := func(atEnd bool) *event.Active {
		return &event.Active{AtEnd: atEnd, Cgroups: []event.Population{
			{Path: "/system.slice/kubelet.service", Processes: 1}, {Path: `/system.slice/odd\x2dname.service`, Processes: 2},
		}}
	}
	see(began, &h, &event.Coverage{Probe: event.ProbeRelease, Live: true}, units(false))
	for i, k := range list {
		k.Netns.Serial = uint64(i + 1)
		see(k.BootNS, &k.Netns)
		consume(created(k))
		if i%2 == 0 {
			see(k.BootNS+3e9, &event.NetnsRelease{Serial: k.Netns.Serial}, &event.NetnsFree{Serial: k.Netns.Serial, DurationNS: 2e6})
		}
	}
	for i, j := range joins() {
		j.Netns.Serial = uint64(1 + i%2)
		see(j.BootNS, &j.Netns)
		consume(j)
	}
	if broken {
		see(began, &event.NetnsJoinCount{Serial: 2, Joins: 40})
		for _, l := range loads() {
			consume(l)
		}
		see(began, &event.Coverage{Probe: "evil`probe", Why: "**why** <b> \x1b[2J"},
			&event.Loss{Kind: event.LossCreation, Count: 3}, &event.Loss{Kind: "new\x1b`kind", Count: 1},
			&event.Damage{Offset: 4096, Bytes: 512, Blocks: 1, Why: "bad checksum\n# no heading"},
			&event.Damage{Offset: 8192, Bytes: 10, Blocks: 1, Truncated: true, Why: "it ends"})
		consume(&finding.Summary{BusCut: 2})
		return c.Report()
	}
	see(at(1, 50, 0, 0), units(true), &event.End{Seen: uint64(len(list))})
	return c.Report()
}

// seedCase is the case that nsblame was built for, five times.
func seedCase() []*finding.Attribution {
	var list []*finding.Attribution
	for i := range uint64(5) {
		k := scenarios()[0].c
		k.BootNS = at(1, 41, 7, 0) + i*120e9 + i%3*2e9
		k.Links[2].Cause, k.Links[2].Unit = finding.BusActivation{BusName: "org.freedesktop.hostname1"}, "systemd-hostnamed.service"
		k.Links = k.Links[:3]
		list = append(list, k)
	}
	return list
}

func reportForms() map[string]func(w *bytes.Buffer, r *report.Report) error {
	return map[string]func(w *bytes.Buffer, r *report.Report) error{
		"text": func(w *bytes.Buffer, r *report.Report) error {
			return ReportText(w, r, &ReportOptions{All: true, Files: []string{"netns.avro"}})
		},
		"color": func(w *bytes.Buffer, r *report.Report) error {
			return ReportText(w, r, &ReportOptions{All: true, Color: true, Width: 80})
		},
		"cause": func(w *bytes.Buffer, r *report.Report) error {
			return ReportText(w, onlyFirst(r), &ReportOptions{One: true, Width: 100})
		},
		"screen": func(w *bytes.Buffer, r *report.Report) error {
			return ReportText(w, r, &ReportOptions{Top: 3, Width: 120, Files: []string{"a b.avro"}})
		},
		"markdown": func(w *bytes.Buffer, r *report.Report) error { return ReportMarkdown(w, r, &ReportOptions{}) },
		"json":     func(w *bytes.Buffer, r *report.Report) error { return ReportJSON(w, r) },
	}
}

// onlyFirst is a report with its first cause alone.
func onlyFirst(r *report.Report) *report.Report {
	one := *r
	one.Causes = slices.Clone(r.Causes)
	one.Keep(1)
	return &one
}

func TestReportGolden(t *testing.T) {
	var all []*finding.Attribution
	for _, s := range scenarios() {
		all = append(all, s.c)
	}
	for name, form := range reportForms() {
		for kind, r := range map[string]*report.Report{
			"seed": reportOf(false, seedCase()...), "all": reportOf(true, all...), "none": reportOf(false),
		} {
			var w bytes.Buffer
			if err := form(&w, r); err != nil {
				t.Fatal(err)
			}
			golden(t, fmt.Sprintf("report-%s.%s.golden", kind, name), w.Bytes())
		}
	}
}

// anyReport draws a report of what hostile processes did.
func anyReport(t *rapid.T) *report.Report {
	list := rapid.SliceOfN(anyCreation(), 1, 3).Draw(t, "creations")
	for _, k := range list {
		k.Origin.Trigger = rapid.SampledFrom([]finding.Trigger{
			finding.TriggerCommand, finding.TriggerTimer, finding.TriggerSocket, finding.TriggerPath, finding.TriggerRestart, finding.TriggerBoot, finding.TriggerUnknown,
		}).Draw(t, "trigger")
		k.Origin.Unit, k.Origin.Why = anyString().Draw(t, "unit"), finding.Reason{Text: markup().Draw(t, "why")}
		k.Origin.Placement.Unit, k.Placement.Unit = markup().Draw(t, "origin unit"), markup().Draw(t, "own unit")
		k.Settings = []event.UnitSetting{{Name: "PrivateNetwork", Value: "yes", File: "/etc/" + markup().Draw(t, "file")}}
		k.Links = append(k.Links,
			finding.Link{Kind: finding.KindSetting, Cause: finding.Setting{UnitSetting: k.Settings[0]}},
			finding.Link{Kind: finding.KindBecause, Cause: finding.BusActivation{BusName: markup().Draw(t, "bus name"), Unit: markup().Draw(t, "alias")}, Unit: markup().Draw(t, "link unit")})
		k.Process.Argv = append(k.Process.Argv, markup().Draw(t, "arg"))
	}
	return reportOf(rapid.Bool().Draw(t, "broken"), list...)
}

// markup draws strings that mean something to Markdown, or to a terminal.
func markup() *rapid.Generator[string] {
	return rapid.OneOf(anyString(), rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{
		"`", "``", "````", "\n", "\n\n", " ", "# x", "- x", "1. x", "> x", "```", "~~~", "[a](http://x)", "![a](b)", "<b>", "<!--",
		"http://x.org", "www.x.org", "a@b.org", "@you", "#12", "*", "**", "_", "~~", "|", "\\", "&lt;", "&#96;", "\r", "\t", "    x", "---", "===", "x",
	}), 0, 6), func(parts []string) string { return strings.Join(parts, "") }))
}

// Whatever a process is called, a terminal shows it and does nothing.
func TestReportIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyReport(t)
		for _, form := range []string{"text", "markdown", "json"} {
			var w bytes.Buffer
			if err := reportForms()[form](&w, r); err != nil {
				t.Fatal(err)
			}
			harmless(t, w.String())
		}
	})
}

// Whatever a process is called, it stays within code: the report has the same
// headings, and no link, picture or HTML.
func TestReportMarkdownHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { markdownHolds(t, anyReport(t)) })
}

var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()

// markdownHolds fails unless a report has, as Markdown, the parts that it is
// meant to have and no others.
func markdownHolds(t fataler, r *report.Report) {
	var w bytes.Buffer
	if err := ReportMarkdown(&w, r, &ReportOptions{}); err != nil {
		t.Fatalf("%v", err)
	}
	source := w.Bytes()
	harmless(t, w.String())
	headings, examples := 0, 0
	err := ast.Walk(gfm.Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			headings++
		case *ast.FencedCodeBlock:
			if strings.Contains(string(n.Lines().Value(source)), "  netns ") {
				examples++
			}
		case *ast.Document, *ast.Paragraph, *ast.TextBlock, *ast.List, *ast.ListItem, *ast.CodeSpan:
		case *ast.Emphasis:
			if n.Level != 2 || n.Parent().FirstChild() != n {
				t.Fatalf("emphasis where none was meant in\n%s", source)
			}
		case *ast.Text:
			if strings.Contains(string(n.Value(source)), "@") && n.Parent().Kind() != ast.KindCodeSpan {
				t.Fatalf("a name outside of code: %s\n%s", n.Value(source), source)
			}
		default:
			t.Fatalf("a %s in\n%s", n.Kind(), source)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	want := 2 + len(r.Causes) + min(1, len(r.PernetInits))
	if r.Costed {
		want++
	}
	if headings != want || examples != len(r.Causes) {
		t.Fatalf("%d headings, want %d, and %d examples in\n%s", headings, want, examples, source)
	}
}

// FuzzReport: whatever two names a machine has for its processes, units, files
// and buses, each form of the report holds.
func FuzzReport(f *testing.F) {
	for _, s := range []string{
		"", "`", "```\n# x\n", "\n\n- x", "| a | b |\n|---|---|", "<script>", "<!--", "[a](http://x)", "![a](b)", "http://x.org",
		"www.x.org", "a@b.org", "&#96;", "~~~", "1. x", "    x", "---", "\\", "\x1b]0;x\a", "\u202e", "\u2028", "\x9b\xff", " ` ", "*a*", "_a_",
		strings.Repeat(" ", 1024), strings.Repeat("\x01", 1024), strings.Repeat("`", 1024),
	} {
		f.Add(s, "x")
		f.Add("x.service", s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		r := reportOf(len(a)%2 == 0, named(a, b), named(b, a))
		markdownHolds(t, r)
		reportIsLossless(t, r)
		var w bytes.Buffer
		if err := ReportText(&w, r, &ReportOptions{All: true}); err != nil {
			t.Fatal(err)
		}
		harmless(t, w.String())
	})
}

// named is a creation in which all that has a name has one of the two.
func named(a, b string) *finding.Attribution {
	p := process(7, a, a, b, a+b)
	p.Exe, p.Cgroup = b, "/"+a
	k := unblamed(&lineage.Creation{
		Process: p, Ancestry: []lineage.Process{process(6, b, b, a)}, AncestryTruncated: true, AncestryWhy: lineage.Cut(a),
		Netns: event.NetnsCreate{Call: event.Call(a), Inum: 9, Init: []event.Init{{Op: a, Subsystem: b, DurationNS: 1}}},
	})
	k.Placement = cgroup.Placement{
		Unit: a, Slice: b, Session: a, SystemUnit: b, Manager: event.ManagerSystem,
		Container: &cgroup.Container{ID: a, Runtime: b, Pod: a}, Outer: &cgroup.Container{ID: b, Runtime: a},
	}
	k.Settings = []event.UnitSetting{{Name: a, Value: b, File: "/" + a, Line: 1, Source: event.SettingFromFile}}
	k.Links = []finding.Link{{Kind: finding.KindBecause, Cause: finding.Job{Method: a}, Unit: a, Evidence: evidence.Kernel}, {Kind: finding.Kind(a), Cause: finding.Job{Method: b}, Evidence: evidence.Evidence(a)}}
	k.Origin.Unit, k.Origin.Why, k.Origin.Placement = b, finding.Reason{Text: a}, k.Placement
	k.Origin.Trigger = []finding.Trigger{finding.TriggerCommand, finding.TriggerTimer, finding.TriggerUnknown, finding.TriggerBoot}[len(b)%4]
	return k
}

// A report is one object on a line, and what has no form in JSON is beside it in
// base64.
func TestReportJSONIsLossless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { reportIsLossless(t, anyReport(t)) })
}

func reportIsLossless(t fataler, r *report.Report) {
	var w bytes.Buffer
	if err := ReportJSON(&w, r); err != nil {
		t.Fatalf("%v", err)
	}
	harmless(t, w.String())
	if n := bytes.Count(w.Bytes(), []byte("\n")); n != 1 || !json.Valid(w.Bytes()) {
		t.Fatalf("%d lines: %s", n, w.Bytes())
	}
	var got struct {
		Causes []map[string]any
	}
	if err := json.Unmarshal(w.Bytes(), &got); err != nil {
		t.Fatalf("%v", err)
	}
	for i, c := range got.Causes {
		want := &r.Causes[i]
		if command, ok := c["command"].(map[string]any); ok {
			list, encoded := command["argv_base64"].([]any)
			if !encoded {
				list = command["argv"].([]any)
			}
			if len(list) != len(want.Command) {
				t.Fatalf("%v of %q", list, want.Command)
			}
			for j := range list {
				if got := decoded(t, list[j].(string), encoded); got != want.Command[j] {
					t.Fatalf("%q, want %q", got, want.Command[j])
				}
			}
		}
		if c["why"] != nil || !want.Why.IsZero() {
			same(t, c, "why", reasonText(want.Why))
		}
		sameProcess(t, c["example"].(map[string]any)["process"], &want.Example.Process)
	}
}
