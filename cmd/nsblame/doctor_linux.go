package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/probe"
	"github.com/nsblame/nsblame/internal/observe/systemd"
	"github.com/nsblame/nsblame/internal/present/render"
)

const doctorHelp = `Check whether this machine can be traced. doctor gives the verdict, and then
what to do about all that is missing. With --verbose it shows every check of the
kernel and of the rights of this process, and how each probe attaches. It loads
and attaches programs that do nothing, for a moment, and leaves nothing behind.

The verdicts are:
  ok        it works
  degraded  it works, but shows less
  missing   it does not work
  unknown   it could not be found out, mostly because something else is missing

The exit code is 0 where tracing is possible, 3 where it is not.`

func newDoctorCmd() *cobra.Command {
	output, color, attach := newOutputFlag(), newColorFlag(), newAttachFlag()
	var verbose bool
	cmd := &cobra.Command{
		Use:               "doctor",
		Short:             "Check whether this machine can be traced, and what is missing",
		Long:              doctorHelp,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			d := diagnose(cmd.Context(), attach.method())
			if output.json() {
				return d.finish(d.writeJSON(w))
			}
			text := d.brief(color.on(w), terminalWidth(w))
			if verbose {
				text = d.full(color.on(w))
			}
			_, err := io.WriteString(w, text)
			return d.finish(err)
		},
	}
	output.add(cmd)
	color.add(cmd)
	attach.add(cmd)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show every check, also those that are ok")
	return cmd
}

// diagnosis is what doctor found.
type diagnosis struct {
	checks  []kernel.Finding // of the kernel and the rights
	probes  []kernel.Finding // of nsblame's own probes
	manager []kernel.Finding // of systemd
	blocker error            // why there is no tracing, nil if there is
}

func diagnose(ctx context.Context, attach probe.Attach) diagnosis {
	d := diagnosis{checks: kernel.Check(ctx), manager: checkSystemd(ctx, systemd.System())}
	// Without rights every probe would say only that.
	if kernel.Permitted() == nil {
		d.probes = tryProbes(ctx, attach)
	}
	d.blocker = kernel.Blocker(d.all())
	return d
}

func (d diagnosis) all() []kernel.Finding {
	return slices.Concat(d.checks, d.probes, d.manager)
}

// finish turns the diagnosis into the verb's error, unless writing it failed.
func (d diagnosis) finish(err error) error {
	if err != nil || d.blocker == nil {
		return err
	}
	return &reportedError{d.blocker}
}

// verdict returns the diagnosis in one sentence.
func (d diagnosis) verdict() string {
	var blocking, unclear, reduced []string
	for _, f := range d.all() {
		switch {
		case f.Blocks():
			blocking = append(blocking, f.Name)
		case f.Required && f.Verdict == kernel.Unknown:
			unclear = append(unclear, f.Name)
		case f.Verdict == kernel.Missing, f.Verdict == kernel.Degraded:
			reduced = append(reduced, f.Name)
		}
	}
	switch {
	case len(blocking) > 0:
		return "nsblame cannot trace here. Missing: " + strings.Join(blocking, ", ")
	case len(unclear) > 0:
		return "nsblame can perhaps trace here. Not clear: " + strings.Join(unclear, ", ")
	case len(reduced) > 0:
		return "nsblame can trace here, with less from: " + strings.Join(reduced, ", ")
	}
	return "nsblame can trace here"
}

// inUTF8 returns s, escaped if JSON couldn't hold it.
func inUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return render.Sentence(s)
}

func (d diagnosis) writeJSON(w io.Writer) error {
	write := func(kind string, list []kernel.Finding) error {
		for _, f := range list {
			err := writeJSON(w, findings.Check{
				Head: findings.NewHead(kind), Name: f.Name, Verdict: string(f.Verdict),
				Required: f.Required, How: f.How, Detail: inUTF8(f.Detail), Remedy: inUTF8(f.Remedy),
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := write("check", d.checks); err != nil {
		return err
	}
	if err := write("probe", d.probes); err != nil {
		return err
	}
	if err := write("check", d.manager); err != nil {
		return err
	}
	return writeJSON(w, findings.Verdict{Head: findings.NewHead("verdict"), Possible: d.blocker == nil, Text: d.verdict()})
}

// full is every check.
func (d diagnosis) full(color bool) string {
	t := table{color: color}
	fmt.Fprintf(&t.text, "%s.\n\n", render.Sentence(d.verdict()))
	for _, f := range d.all() {
		t.width = max(t.width, len(f.Name))
	}
	t.section("kernel and rights", d.checks)
	t.section("probes", d.probes)
	t.section("systemd", d.manager)
	return t.text.String()
}

// table lays findings out in columns.
type table struct {
	text  strings.Builder
	width int // of the column of names
	color bool
}

// verdictWidth is the width of the longest verdict.
const verdictWidth = len(kernel.Degraded)

func (t *table) section(title string, findings []kernel.Finding) {
	if len(findings) == 0 {
		return
	}
	fmt.Fprintf(&t.text, "%s\n", title)
	for _, f := range findings {
		t.row(f)
	}
}

func (t *table) row(f kernel.Finding) {
	detail := f.Detail
	if f.How != "" && !strings.HasSuffix(f.Name, ":"+f.How) {
		detail = f.How + ": " + detail
	}
	if f.Verdict != kernel.OK && !f.Required {
		detail += " (optional)"
	}
	// The padding is outside of the colour: escapes have no width.
	fmt.Fprintf(&t.text, "  %s%*s  %-*s  %s\n", t.paint(f.Verdict),
		verdictWidth-len(f.Verdict), "", t.width, render.Sentence(f.Name), render.Sentence(detail))
	if f.Remedy != "" {
		fmt.Fprintf(&t.text, "  %*s  %*s  -> %s\n", verdictWidth, "", t.width, "", render.Sentence(f.Remedy))
	}
}

func (t *table) paint(v kernel.Verdict) string {
	const green, yellow, red, reset = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"
	if !t.color {
		return string(v)
	}
	color := yellow
	switch v {
	case kernel.OK:
		color = green
	case kernel.Missing:
		color = red
	case kernel.Degraded, kernel.Unknown:
	}
	return color + string(v) + reset
}
