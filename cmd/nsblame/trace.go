package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/engine"
)

const traceHelp = `Print a line for each network namespace that is created and for each creation
that fails. With --tree, print the whole chain of causes. The first chain of
each cause ends with what to try first to end it. trace ends with Ctrl-C, after
--duration, or after --count. Its summary then counts what was seen, lost and
cut. The summary goes to stderr; with --output json it is the last line of
stdout.

A process often creates a namespace first and then becomes the program that
uses it: a child of systemd calls unshare before exec. Each line is therefore
held back until that exec or the end of the process, --exec-wait at most. For a
child of a service manager it is --start-wait. Lines come when they are ready,
and nobody's waits for another. A later exec is not shown; the line then says
so. A namespace that a container runtime made waits for the name of its
container or pod, --name-wait at most. A name that comes later is a line of its
own. With --exec-wait 0 --start-wait 0 --name-wait 0 nothing is held back.

--ready-file names a file that exists while the probes are attached. It holds
the pid. A file left behind by an earlier run is removed at the start.

--record also writes the whole stream into a file, including what the filters
leave out. nsblame replay prints it again. An existing file is not overwritten.

With --life, a line follows for each process that enters a namespace later.
Another line follows when the namespace is gone: how long it lived, and who and
what held it last. Visitors, such as a daemon's thread, are not shown.

On a terminal, text is as wide as that: what is longer goes on below itself, and
long command lines lose their middle. COLUMNS sets another width. In a file or a
pipe each line is one row. With --wide, nothing is left out and nothing broken.
A time has its date unless that is the day on which trace was started.

JSON always has everything, so --tree and --life work with text only.

` + journalHelp + `

` + otlpHelp + `

` + failOnHelp + `
With --count, only what was printed is judged.`

// traceOptions is the command line of trace, validated.
type traceOptions struct {
	printFlags
	live    liveFlags
	record  string // empty: none
	redact  redactFlag
	outlets outletFlags
	failOn  failOnFlag
}

func newTraceCmd() *cobra.Command {
	opt := &traceOptions{printFlags: newPrintFlags(), live: newLiveFlags(), outlets: newOutletFlags()}
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Print who creates network namespaces, as it happens",
		Long:  traceHelp,
		Example: `  nsblame trace
  nsblame trace --tree --duration 10m
  nsblame trace --output json --unit 'user@*.service' --unit cron.service`,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opt.validate(cmd); err != nil {
				return usage(cmd, err)
			}
			return opt.failOn.finish(runTrace(cmd.Context(), opt, cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	}
	opt.add(cmd)
	return cmd
}

func (o *traceOptions) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	o.printFlags.add(cmd)
	o.live.add(cmd)
	flags.StringVar(&o.record, "record", "", "also write the whole stream into this `file`")
	o.redact.add(cmd)
	o.outlets.add(cmd)
	o.failOn.add(cmd)
}

var (
	errTreeJSON    = errors.New("--tree goes with --output text only: json has the whole chain in any case")
	errLifeJSON    = errors.New("--life goes with --output text only: json has the ends in any case")
	errRecordName  = errors.New("--record needs the name of a file; stdout has what trace prints")
	errRedactAlone = errors.New("--redact goes with --record only")
)

// validate checks what the flags' own types cannot.
func (o *traceOptions) validate(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	switch {
	case given("record") && (o.record == "" || o.record == "-"):
		return errRecordName
	case given("redact") && !given("record"):
		return errRedactAlone
	}
	if err := o.live.validate(cmd); err != nil {
		return err
	}
	if err := o.outlets.validate(cmd); err != nil {
		return err
	}
	return o.printFlags.validate()
}

// showsLives reports whether the output shows who joins a namespace and who held
// it last. Lines of creations do not, and their probes make the end slow.
func (o *traceOptions) showsLives() bool {
	return o.output.json() || o.life || o.record != "" || o.outlets.otlp.to != ""
}

// printFlags are the flags of verbs that print creations one by one.
type printFlags struct {
	output outputFlag
	color  colorFlag
	tree   bool
	life   bool
	wide   bool
	filter filterFlags
	count  countFlag // 0: any number
}

func newPrintFlags() printFlags {
	return printFlags{output: newOutputFlag(), color: newColorFlag()}
}

func (o *printFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.tree, "tree", false, "print the whole chain of each creation")
	flags.BoolVar(&o.life, "life", false, "also print who enters a namespace later, and its end")
	flags.BoolVar(&o.wide, "wide", false, "print all of what is long, on one row, also on a terminal")
	o.output.add(cmd)
	o.color.add(cmd)
	o.filter.add(cmd)
	flags.Var(&o.count, "count", "end after this many were printed")
}

func (o *printFlags) validate() error {
	switch {
	case o.tree && o.output.json():
		return errTreeJSON
	case o.life && o.output.json():
		return errLifeJSON
	}
	return o.filter.validate()
}

// today tells the moment whose day needs no date; tests set it.
var today = time.Now

// printer returns the printer that the options ask for.
func (o *printFlags) printer(stdout, stderr io.Writer) finding.Consumer {
	if o.output.json() {
		return render.NewJSON(stdout)
	}
	return render.NewText(stdout, stderr, render.TextOptions{
		Tree: o.tree, Life: o.life, Color: o.color.on(stdout), Width: terminalWidth(stdout), Wide: o.wide,
		Today: today(),
	})
}

// runTrace prints the live stream until its end.
func runTrace(ctx context.Context, opt *traceOptions, stdout, stderr io.Writer) error {
	// Text goes to stderr, too, and must not fall behind that.
	var flush func() error
	if opt.output.json() {
		flush = gather(stdout)
	}
	run := func(ctx context.Context, src engine.Source, _ *sink) error {
		if onTerminal(stderr) { // elsewhere a replay says the same to the byte
			fmt.Fprintln(stderr, opt.live.watching())
		}
		also, err := opt.outlets.open(ctx, stderr)
		if err != nil {
			return join(err, opt.outlets.close(ctx, stderr))
		}
		unmatched := newUnmatched(opt.filter.engineFilter(), opt.failOn)
		_, err = engine.Run(ctx, src, engine.Options{
			Consumers: append(append(opt.failOn.consumers(), unmatched, opt.printer(stdout, stderr)), also...),
			Flush:     flush,
			Filter:    opt.filter.engineFilter(),
			Count:     uint64(opt.count),
		})
		if flush != nil {
			err = join(err, flush())
		}
		err = join(err, opt.outlets.close(ctx, stderr))
		if err == nil {
			unmatched.warn(stderr)
		}
		return err
	}
	opt.live.life = opt.showsLives()
	_, err := opt.live.observe(ctx, func(ctx context.Context, src source, ready func() error) error {
		giveUp(src, stderr)
		if opt.record != "" {
			return recordTo(ctx, src, ready, recordTarget{file: opt.record, redact: opt.redact.mode}, run)
		}
		if err := ready(); err != nil {
			return err
		}
		return run(ctx, src, nil)
	})
	return err
}
