package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/page"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/engine"
)

const reportHelp = `Say on one screen who keeps creating network namespaces: the root causes with
their counts, for whom they act, what happens and a command that helps. report
reads recordings. Without one it observes until Ctrl-C, or for --duration, and
prints the report of what was seen.

--cause N shows all that is known of one cause: the chain with its evidence, the
figures, what ends it and the price of that. --all does so for every cause and
lists the units that ran and created none. Causes that differ in their arguments
alone are one cause, with * for what varies.

Several files can be parts of one recording, recordings of one machine, or of
many. The report is of all of them, by host and across. - is stdin. If a
recording is damaged, the report says so and the exit code is 1.

` + failOnHelp

// reportOptions is the command line of report, validated.
type reportOptions struct {
	output outputFlag
	view   reportView
	color  colorFlag
	filter filterFlags
	live   liveFlags
	memory memoryFlag
	failOn failOnFlag
}

func newReportCmd() *cobra.Command {
	opt := &reportOptions{output: newReportOutputFlag(), view: newReportView(), color: newColorFlag(), live: newPatientLiveFlags(), memory: newMemoryFlag()}
	cmd := &cobra.Command{
		Use:   "report [FILE...]",
		Short: "Summarise root causes: how many, how often, how to end them",
		Long:  reportHelp,
		Example: `  nsblame report netns.avro
  nsblame report netns.avro --cause 1
  nsblame report netns.avro --since -1h --by workload
  nsblame report 'node*/*.avro' --top 20
  nsblame report --duration 1d
  nsblame report --duration 10m --output markdown >ticket.md
  nsblame report netns.avro --output html >report.html
  nsblame report --duration 5m --output json --fail-on caused-by=cron.service`,
		ValidArgsFunction: completeRecordings,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opt.validate(cmd, args); err != nil {
				return usage(cmd, err)
			}
			if len(args) > 0 {
				return opt.failOn.finish(reportRecorded(cmd, opt, args))
			}
			return opt.failOn.finish(runReport(cmd, opt))
		},
	}
	cmd.Flags().SortFlags = false
	opt.output.add(cmd)
	opt.view.add(cmd)
	opt.color.add(cmd)
	opt.filter.add(cmd)
	opt.live.add(cmd)
	opt.memory.add(cmd)
	opt.failOn.add(cmd)
	return cmd
}

var errDurationFile = errors.New("--duration doesn't go with a recording")

func (o *reportOptions) validate(cmd *cobra.Command, args []string) error {
	duration := cmd.Flags().Changed("duration")
	switch {
	case len(args) > 0 && duration:
		return errDurationFile
	case len(args) > 0:
		if err := checkFiles(args); err != nil {
			return err
		}
	}
	if err := o.live.validate(cmd); err != nil {
		return err
	}
	if err := o.view.validate(cmd, args); err != nil {
		return err
	}
	return o.filter.validate()
}

// runReport reads a stream to its end and prints what it tells.
func runReport(cmd *cobra.Command, opt *reportOptions) error {
	stderr := cmd.ErrOrStderr()
	_, err := opt.live.observe(cmd.Context(), func(ctx context.Context, src source, ready func() error) error {
		giveUp(src, stderr)
		if err := ready(); err != nil {
			return err
		}
		c := opt.collector()
		unmatched := newUnmatched(opt.filter.engineFilter(), opt.failOn)
		var count seen
		fmt.Fprintln(stderr, opt.live.watching())
		endProgress := opt.live.showWatching(stderr, &count)
		_, err := opt.collect(ctx, src, c, unmatched, &count)
		endProgress()
		if err != nil {
			return err
		}
		unmatched.warn(stderr)
		return opt.write(cmd, c.Report(), nil)
	})
	return err
}

// reportRecorded makes one report of recordings.
func reportRecorded(cmd *cobra.Command, opt *reportOptions, names []string) error {
	files, err := expand(names)
	if err != nil {
		return err
	}
	if err := checkFiles(files); err != nil {
		return err
	}
	defer readThrough()()
	unmatched := newUnmatched(opt.filter.engineFilter(), opt.failOn)
	all := byRecording(files)
	fleet := report.NewFleet(opt.collector())
	var r *report.Report
	var damage finding.Summary
	for _, files := range all {
		c, summary, err := opt.ofRecording(cmd, files, unmatched)
		if err != nil {
			return err
		}
		damage.Damages += summary.Damages
		damage.DamagedBlocks += summary.DamagedBlocks
		damage.DamagedBytes += summary.DamagedBytes
		if len(all) == 1 {
			r = c.Report()
		} else {
			fleet.Add(c, files[0])
		}
	}
	if len(all) > 1 {
		r = fleet.Report()
	}
	unmatched.warn(cmd.ErrOrStderr())
	if err := opt.write(cmd, r, names); err != nil {
		return err
	}
	return whole(damage)
}

// ofRecording collects what one recording tells.
func (o *reportOptions) ofRecording(cmd *cobra.Command, files []string, unmatched *unmatched) (c *report.Collector, s finding.Summary, err error) {
	c = o.collector()
	w, err := o.view.window.of(cmd.Context(), cmd, files)
	if err != nil {
		return nil, s, err
	}
	c.Within(w)
	src, err := openRecorded(cmd.Context(), files, false, cmd.InOrStdin(), cmd.ErrOrStderr())
	if err != nil {
		return nil, s, err
	}
	defer func() { err = join(err, src.Close()) }()
	src.limit(o.memory)
	endProgress := showReading(cmd.ErrOrStderr(), src)
	s, err = o.collect(cmd.Context(), src, c, unmatched)
	endProgress()
	return c, s, err
}

// collector is one that groups as asked for.
func (o *reportOptions) collector() *report.Collector {
	c := report.NewCollector()
	if o.live.cost {
		c.RankCosts()
	}
	if o.output.value == "html" {
		c.KeepLives()
	}
	c.GroupBy(report.By(o.view.by.value))
	return c
}

// collect gives a stream to a collector.
func (o *reportOptions) collect(ctx context.Context, src engine.Source, c *report.Collector, more ...finding.Consumer) (finding.Summary, error) {
	return engine.Run(ctx, src, engine.Options{
		Consumers: append(append(o.failOn.consumers(), c), more...),
		Filter:    o.filter.engineFilter(),
	})
}

// write prints a report, of recordings that were named so.
func (o *reportOptions) write(cmd *cobra.Command, r *report.Report, names []string) error {
	w := cmd.OutOrStdout()
	if err := o.view.limit(cmd, r, o.output.value != "json"); err != nil {
		return err
	}
	opt := &render.ReportOptions{
		Color: o.color.on(w), Width: terminalWidth(w), All: o.view.all, One: o.view.cause > 0, Top: o.view.shown(), Files: names,
	}
	switch o.output.value {
	case "json":
		return render.ReportJSON(w, r)
	case "markdown":
		return render.ReportMarkdown(w, r, opt)
	case "html":
		return page.Write(w, r, opt)
	}
	return render.ReportText(w, r, opt)
}
