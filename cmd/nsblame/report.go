package main

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/blame"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/render"
	"github.com/nsblame/nsblame/internal/report"
	"github.com/nsblame/nsblame/internal/tracer"
)

const reportHelp = `Observe for --duration and tell who created network namespaces, grouped by root
cause: how many, how regularly, how long they lived, what they cost, what ends
it and what that costs. Units that were there and created none are listed, too.
Ctrl-C ends earlier, and prints the report of what was seen until then.

` + failOnHelp

// reportOptions is the command line of report, validated.
type reportOptions struct {
	output outputFlag
	color  colorFlag
	filter filterFlags
	live   liveFlags
	failOn failOnFlag
}

func newReportCmd() *cobra.Command {
	opt := &reportOptions{output: newReportOutputFlag(), color: newColorFlag(), live: newLiveFlags()}
	cmd := &cobra.Command{
		Use:   "report --duration D",
		Short: "Tell the root causes, how often they act, and what ends them",
		Long:  reportHelp,
		Example: `  nsblame report --duration 1h
  nsblame report --duration 10m --output markdown >ticket.md
  nsblame report --duration 5m --output json --fail-on caused-by=cron.service`,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opt.validate(cmd); err != nil {
				return usage(cmd, err)
			}
			return opt.failOn.finish(runReport(cmd.Context(), opt, cmd.OutOrStdout()))
		},
	}
	cmd.Flags().SortFlags = false
	opt.output.add(cmd)
	opt.color.add(cmd)
	opt.filter.add(cmd)
	opt.live.add(cmd)
	opt.failOn.add(cmd)
	return cmd
}

var errNoDuration = errors.New("--duration is missing: how long to observe")

func (o *reportOptions) validate(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("duration") {
		return errNoDuration
	}
	if err := o.live.validate(cmd); err != nil {
		return err
	}
	return o.filter.validate()
}

// runReport reads a stream to its end and prints what it tells.
func runReport(ctx context.Context, opt *reportOptions, stdout io.Writer) error {
	_, err := opt.live.observe(ctx, func(ctx context.Context, src source) error {
		r, err := collect(ctx, src, opt)
		if err != nil {
			return err
		}
		return opt.write(stdout, r)
	})
	return err
}

// collect makes a report of a stream.
func collect(ctx context.Context, src tracer.Source, opt *reportOptions) (*report.Report, error) {
	c := collector{report.NewCollector()}
	summary, err := tracer.Run(ctx, src, tracer.Options{
		Filter:    opt.filter.tracerFilter(),
		Observers: slices.Concat(opt.failOn.observers(), []tracer.Observer{c}),
	})
	if err != nil {
		return nil, err
	}
	return c.Report(summary.BusCut), nil
}

func (o *reportOptions) write(w io.Writer, r *report.Report) error {
	switch o.output.value {
	case "json":
		return render.ReportJSON(w, r)
	case "markdown":
		return render.ReportMarkdown(w, r)
	}
	return render.ReportText(w, r, o.color.on(w))
}

// collector is a report.Collector as an observer of a run.
type collector struct{ *report.Collector }

// Observe takes the next event.
func (c collector) Observe(ev event.Event) error {
	c.Collector.Observe(ev)
	return nil
}

// Case takes the next creation.
func (c collector) Case(k *blame.Case, selected bool) {
	c.Add(k, selected, render.NewCreation(k).Cut())
}
