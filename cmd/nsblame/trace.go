package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/probe"
	"github.com/nsblame/nsblame/internal/render"
)

const traceHelp = `Print a line, or with --tree a chain, for each network namespace that is
created, and for each creation that failed. Ends with Ctrl-C, after --duration
or after --count, with a summary of what was seen, lost and cut: on stderr, and
with --output json as the last line.

A process often creates a namespace first and becomes the program that uses it
afterwards: systemd's child unshares before it execs. So a line is held back
until that exec, until the process ends, or for --exec-wait at most. An exec
that comes later than that is not shown. 0 holds nothing back.

--ready-file names a file that exists while the probes are attached and holds
the pid. One that was left behind is removed at the start.

JSON carries all that is known in any case, so --tree goes with text only.`

const (
	defaultBufferSize = probe.DefaultBufferSize
	defaultExecWait   = time.Second
)

// traceOptions is the command line of trace, validated.
type traceOptions struct {
	output     outputFlag
	color      colorFlag
	tree       bool
	filter     filterFlags
	duration   time.Duration // 0: until ended
	count      uint64        // 0: any number
	readyFile  readyFile
	bufferSize byteSize
	execWait   time.Duration
	noBus      bool
}

func newTraceCmd() *cobra.Command {
	opt := &traceOptions{output: newOutputFlag(), color: newColorFlag(), bufferSize: defaultBufferSize}
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
			return runTrace(cmd.Context(), opt, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	opt.add(cmd)
	return cmd
}

func (o *traceOptions) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.tree, "tree", false, "print the whole chain of each creation")
	o.output.add(cmd)
	o.color.add(cmd)
	o.filter.add(cmd)
	flags.DurationVar(&o.duration, "duration", 0, "end after this long (90s, 10m, 2h), counted from when the probes are attached")
	flags.Uint64Var(&o.count, "count", 0, "end after so many were printed")
	flags.StringVar((*string)(&o.readyFile), "ready-file", "", "create this `file` once the probes are attached, remove it at the end")
	flags.Var(&o.bufferSize, "buffer-size", "size of the buffer between kernel and nsblame, rounded up to a power of two; K, M, G may follow")
	flags.BoolVar(&o.noBus, "no-bus", false, "don't watch the buses: who asked a service manager to start a unit stays unknown")
	flags.DurationVar(&o.execWait, "exec-wait", defaultExecWait, "hold a line back so long at most for the exec that follows")
}

var (
	errTreeJSON = errors.New("--tree goes with --output text only: json has the whole chain in any case")
	errDuration = errors.New("--duration must be more than 0")
	errCount    = errors.New("--count must be 1 or more")
	errExecWait = errors.New("--exec-wait must not be negative")
	errReady    = errors.New("--ready-file needs the name of a file")
)

// validate checks what the flags' own types cannot.
func (o *traceOptions) validate(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	switch {
	case o.tree && o.output.json():
		return errTreeJSON
	case given("duration") && o.duration <= 0:
		return errDuration
	case given("count") && o.count == 0:
		return errCount
	case o.execWait < 0:
		return errExecWait
	case given("ready-file") && o.readyFile == "":
		return errReady
	}
	return o.filter.validate()
}

// printer returns the printer that the options ask for.
func (o *traceOptions) printer(stdout, stderr io.Writer) render.Printer {
	if o.output.json() {
		return render.NewJSON(stdout)
	}
	return render.NewText(stdout, stderr, render.TextOptions{Tree: o.tree, Color: o.color.on(stdout)})
}

// runTrace attaches, tells that it has, and prints until the end.
func runTrace(ctx context.Context, opt *traceOptions, stdout, stderr io.Writer) (err error) {
	if err := opt.readyFile.clear(); err != nil {
		return err
	}
	live, err := openLive(ctx, opt, stdout, stderr)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // Ctrl-C before anything was attached
	}
	if err != nil {
		return err
	}
	defer func() { err = join(err, live.Close()) }()
	if err := opt.readyFile.announce(); err != nil {
		return err
	}
	defer func() { err = join(err, opt.readyFile.withdraw()) }()
	if opt.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, opt.duration)
		defer cancel()
	}
	return live.Run(ctx)
}
