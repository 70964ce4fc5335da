package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/engine"
)

const reportHelp = `Group the network namespaces that were created by root cause. For each cause the
report says how many, how regularly, how long they lived and what they cost. It
also says what ends the cause, and the price of that. Units that ran and created
none are listed, too. report reads a recording, or observes for --duration.
Ctrl-C ends the observation early and prints the report of what was seen.

Several files are the parts of one recording, in order. - is stdin. If a
recording is damaged, the report says so and the exit code is 1.

` + failOnHelp

// reportOptions is the command line of report, validated.
type reportOptions struct {
	output outputFlag
	color  colorFlag
	filter filterFlags
	live   liveFlags
	memory memoryFlag
	failOn failOnFlag
}

func newReportCmd() *cobra.Command {
	opt := &reportOptions{output: newReportOutputFlag(), color: newColorFlag(), live: newLiveFlags(), memory: newMemoryFlag()}
	cmd := &cobra.Command{
		Use:   "report [FILE...]",
		Short: "Summarise root causes: how many, how often, how to end them",
		Long:  reportHelp,
		Example: `  nsblame report netns.avro
  nsblame report --duration 1h
  nsblame report --duration 10m --output markdown >ticket.md
  nsblame report --duration 5m --output json --fail-on caused-by=cron.service`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opt.validate(cmd, args); err != nil {
				return usage(cmd, err)
			}
			if len(args) > 0 {
				return opt.failOn.finish(reportRecorded(cmd, opt, args))
			}
			return opt.failOn.finish(runReport(cmd.Context(), opt, cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	}
	cmd.Flags().SortFlags = false
	opt.output.add(cmd)
	opt.color.add(cmd)
	opt.filter.add(cmd)
	opt.live.add(cmd)
	opt.memory.add(cmd)
	opt.failOn.add(cmd)
	return cmd
}

var (
	errNoDuration   = errors.New("--duration is missing: how long to observe; or the name of a recording")
	errDurationFile = errors.New("--duration doesn't go with a recording")
)

func (o *reportOptions) validate(cmd *cobra.Command, args []string) error {
	duration := cmd.Flags().Changed("duration")
	switch {
	case len(args) > 0 && duration:
		return errDurationFile
	case len(args) == 0 && !duration:
		return errNoDuration
	case len(args) > 0:
		if err := checkFiles(args); err != nil {
			return err
		}
	}
	if err := o.live.validate(cmd); err != nil {
		return err
	}
	return o.filter.validate()
}

// runReport reads a stream to its end and prints what it tells.
func runReport(ctx context.Context, opt *reportOptions, stdout, stderr io.Writer) error {
	_, err := opt.live.observe(ctx, func(ctx context.Context, src source, ready func() error) error {
		giveUp(src, stderr)
		if err := ready(); err != nil {
			return err
		}
		r, _, err := collect(ctx, src, opt)
		if err != nil {
			return err
		}
		return opt.write(stdout, r)
	})
	return err
}

// reportRecorded makes a report of a recording.
func reportRecorded(cmd *cobra.Command, opt *reportOptions, names []string) (err error) {
	src, err := openRecorded(cmd.Context(), names, false, cmd.InOrStdin(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() { err = join(err, src.Close()) }()
	src.limit(opt.memory)
	r, summary, err := collect(cmd.Context(), src, opt)
	if err != nil {
		return err
	}
	if err := opt.write(cmd.OutOrStdout(), r); err != nil {
		return err
	}
	return whole(summary)
}

// collect makes a report of a stream.
func collect(ctx context.Context, src engine.Source, opt *reportOptions) (*report.Report, finding.Summary, error) {
	c := report.NewCollector()
	if opt.live.cost {
		c.RankCosts()
	}
	summary, err := engine.Run(ctx, src, engine.Options{
		Consumers: append(opt.failOn.consumers(), c),
		Filter:    opt.filter.engineFilter(),
	})
	if err != nil {
		return nil, summary, err
	}
	return c.Report(), summary, nil
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
