package render

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden prints all scenarios in each form and compares the whole.
func TestGolden(t *testing.T) {
	for name, newPrinter := range map[string]func(w, diag *bytes.Buffer) finding.Consumer{
		"line":  func(w, diag *bytes.Buffer) finding.Consumer { return NewText(w, diag, TextOptions{Life: true}) },
		"color": func(w, diag *bytes.Buffer) finding.Consumer { return NewText(w, diag, TextOptions{Color: true}) },
		"tree": func(w, diag *bytes.Buffer) finding.Consumer {
			return NewText(w, diag, TextOptions{Tree: true, Life: true})
		},
		"json": func(w, _ *bytes.Buffer) finding.Consumer { return NewJSON(w) },
	} {
		t.Run(name, func(t *testing.T) {
			var w, diag bytes.Buffer
			stream(t, newPrinter(&w, &diag))
			golden(t, name+".golden", w.Bytes())
			if diag.Len() > 0 {
				golden(t, name+".diag.golden", diag.Bytes())
			}
		})
	}
}

// TestFittedGolden prints all scenarios for terminals of these widths, and no row is
// wider.
func TestFittedGolden(t *testing.T) {
	for _, columns := range []int{80, 100, 120, 200} {
		for form, opt := range map[string]TextOptions{"line": {Life: true}, "tree": {Life: true, Tree: true}} {
			t.Run(fmt.Sprint(form, columns), func(t *testing.T) {
				var w, diag bytes.Buffer
				opt.Width = columns
				stream(t, NewText(&w, &diag, opt))
				golden(t, fmt.Sprintf("%s.%d.golden", form, columns), w.Bytes())
				fits(t, w.String(), columns)
			})
		}
	}
}

// TestDates: times of another day have their date, in the zone of the machine that was
// observed, and those of today have none. What stands beside a time stays in its column.
func TestDates(t *testing.T) {
	k := scenarios()[1].c
	midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, time.FixedZone("", 3600))
	printed := func(opt TextOptions) string {
		var w bytes.Buffer
		p := NewText(&w, &w, opt)
		observe(p, host)
		if err := p.Consume(created(k)); err != nil {
			t.Fatal(err)
		}
		return w.String()
	}
	for _, form := range []TextOptions{{}, {Wide: true, Width: 80}, {Tree: true}, {Width: 80}, {Width: 100}, {Width: 120}, {Width: 200}, {Tree: true, Width: 80}} {
		plain := printed(form)
		for _, today := range []time.Time{midnight, midnight.UTC(), midnight.Add(24*time.Hour - 1)} {
			form.Today = today
			if got := printed(form); got != plain {
				t.Errorf("%+v: a date for today:\n%s", form, got)
			}
		}
		form.Today = midnight.Add(-1)
		dated := printed(form)
		hour, rest, _ := strings.Cut(plain, " ")
		want := "2026-11-24 " + hour + " " + rest
		if form.Width > 0 && !form.Wide && !form.Tree {
			// below the time, where there was nothing
			rows := strings.Split(plain, "\n")
			if date := "2026-11-24"; strings.TrimSpace(rows[1]) == "" {
				rows[1] = date + "\n"
			} else {
				rows[1] = date + rows[1][len(date):]
			}
			want = strings.Join(rows, "\n")
			fits(t, dated, form.Width)
		}
		if dated != want && !(form.Tree && form.Width > 0) {
			t.Errorf("%+v:\n%swant\n%s", form, dated, want)
		}
		if form.Tree && !strings.HasPrefix(dated, "2026-11-24 "+hour) {
			t.Errorf("%+v:\n%s", form, dated)
		}
	}
}

// fits fails if a row is wider than a terminal.
func fits(t fataler, text string, columns int) {
	for row := range strings.Lines(text) {
		if n := width(strings.TrimSuffix(row, "\n")); n > columns {
			t.Fatalf("%d cells in %q", n, row)
		}
	}
}

// With Wide nothing is left out and nothing is broken.
func TestWide(t *testing.T) {
	k := scenarios()[1].c
	k.Process.Argv = []string{"run", strings.Repeat("a", 500), strings.Repeat("b", 500), "end"}
	var w bytes.Buffer
	if err := NewText(&w, &w, TextOptions{Width: 80, Wide: true}).Consume(created(k)); err != nil {
		t.Fatal(err)
	}
	if line := w.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, strings.Join(k.Process.Argv, " ")) {
		t.Error(line)
	}
}

// What a colour is given to begins and ends in a row.
func TestFittedColours(t *testing.T) {
	for _, opt := range []TextOptions{{Width: 80, Life: true}, {Width: 130, Life: true}, {Width: 80, Tree: true}} {
		var plain, painted bytes.Buffer
		stream(t, NewText(&plain, &plain, opt))
		opt.Color = true
		stream(t, NewText(&painted, &painted, opt))
		if ansi.Strip(painted.String()) != plain.String() {
			t.Errorf("%+v: colours change the text", opt)
		}
		for row := range strings.Lines(painted.String()) {
			if begun, ended := strings.Count(row, "\x1b["), strings.Count(row, "\x1b[0m"); begun != 2*ended {
				t.Errorf("%+v: %q", opt, row)
			}
		}
	}
}

// stream prints one of everything.
func stream(t *testing.T, p finding.Consumer) {
	t.Helper()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var cut uint64
	do(p.Consume(&finding.Lost{BootNS: 12_345_678_901, Loss: &event.Loss{Kind: event.LossTable, Count: 3, Owner: event.Owner{UID: 1000, PIDNamespace: 4026531836}}}))
	observe(p, host)
	do(p.Consume(&finding.Covered{BootNS: at(1, 0, 0, 0), Coverage: &event.Coverage{Probe: "copy_net_ns", Live: true, AttachMethod: "fentry"}}))
	do(p.Consume(&finding.Covered{BootNS: at(1, 0, 0, 1), Coverage: &event.Coverage{Probe: "__ip_vs_init", Why: "module ip_vs is not loaded: load it, or ignore this"}}))
	all := scenarios()
	for _, s := range all {
		if s.c.Cut() {
			cut++
		}
		do(p.Consume(created(s.c)))
	}
	for _, j := range joins() {
		do(p.Consume(j))
	}
	for _, e := range ends() {
		do(p.Consume(e))
	}
	for _, l := range loads() {
		do(p.Consume(l))
	}
	do(p.Consume(&finding.Covered{BootNS: at(1, 41, 8, 500), Coverage: &event.Coverage{
		Probe: "__ip_vs_init", Subsystem: "ip_vs", Changed: true, Live: true, AttachMethod: "kprobe",
	}}))
	do(p.Consume(&finding.Covered{BootNS: at(1, 41, 8, 900), Coverage: &event.Coverage{
		Probe: "__ip_vs_init", Subsystem: "ip_vs", Changed: true, Why: "module ip_vs was unloaded",
	}}))
	observe(p, event.Event{Body: &event.Clock{OffsetNS: 1795503600*1e9 + 5e8}})
	do(p.Consume(&finding.Lost{BootNS: at(1, 41, 9, 0), Loss: &event.Loss{Kind: event.LossCreation, Count: 2}}))
	do(p.Consume(&finding.Lost{BootNS: at(1, 41, 9, 0), Loss: &event.Loss{Kind: "new\x1bkind", Count: 1}}))
	n := uint64(len(all))
	do(p.Consume(&finding.Summary{Seen: n + 1, Printed: n, Cut: cut, Lost: map[event.LossKind]uint64{
		event.LossTable: 3, event.LossCreation: 2, event.LossRecord: 0,
	}}))
	do(p.Consume(&finding.Summary{Seen: 1, Printed: 1}))
	do(p.Consume(&finding.Summary{Seen: 4, Printed: 4, Life: finding.Counts{Known: true, Alive: 2, Releasing: 1, Unreported: 7}}))
}

// golden compares got with a file of testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
