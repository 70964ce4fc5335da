package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/stream/engine"
)

const replayHelp = `Print a recording as trace would have printed it. The recording may come from
nsblame record or trace --record, and from another machine. replay needs no
root, and it asks this machine for nothing but the number of a --uid user. Times
that are not of today have their date.

Several files are the parts of one recording, in order. - is stdin. --follow
waits for more at the end of the file, until the recording itself ends.

A damaged recording, or one that was cut off, is read where possible. The output
marks each missing part, and so does the summary. The exit code is then 1.

--since and --until choose what is printed by when it was created. All of the
recording is read, so the chains are whole. The summary names the window.

With --count, replay still reads the whole recording unless --follow is given:
the summary covers all of it.

` + otlpHelp + `
A replay waits for the collector, for a
minute without an answer. Records that are not sent then make the exit code 1.

` + failOnHelp

// replayOptions is the command line of replay, validated.
type replayOptions struct {
	printFlags
	window windowFlags
	follow bool
	memory memoryFlag
	otlp   otlpFlags
	failOn failOnFlag
}

func newReplayCmd() *cobra.Command {
	opt := &replayOptions{printFlags: newPrintFlags(), memory: newMemoryFlag(), otlp: newOTLPFlags()}
	cmd := &cobra.Command{
		Use:   "replay FILE...",
		Short: "Print a recording as trace does",
		Long:  replayHelp,
		Example: `  nsblame replay netns.avro --tree
  nsblame replay netns-*.avro --output json
  nsblame replay netns.avro --since 20:00 --until 20:05
  ssh host nsblame record -o - | nsblame replay -`,
		ValidArgsFunction: completeRecordings,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := join(opt.validate(args), opt.otlp.validate(cmd)); err != nil {
				return usage(cmd, err)
			}
			return opt.failOn.finish(runReplay(cmd.Context(), opt, args, cmd))
		},
	}
	cmd.Flags().SortFlags = false
	opt.printFlags.add(cmd)
	opt.window.add(cmd)
	cmd.Flags().BoolVar(&opt.follow, "follow", false, "wait for more at the end of the file; Ctrl-C ends it")
	opt.memory.add(cmd)
	opt.otlp.add(cmd)
	opt.failOn.add(cmd)
	return cmd
}

var (
	errNoFile     = errors.New("FILE is missing: the name of a recording, or - for stdin")
	errFollowMany = errors.New("--follow goes with one file")
	errEmptyName  = errors.New("the name of a file is empty")
)

func (o *replayOptions) validate(args []string) error {
	if err := checkFiles(args); err != nil {
		return err
	}
	if o.follow && len(args) > 1 {
		return errFollowMany
	}
	if err := o.window.validate(args); err != nil {
		return err
	}
	return o.printFlags.validate()
}

// checkFiles checks the names of the files of a recording.
func checkFiles(args []string) error {
	if len(args) == 0 {
		return errNoFile
	}
	for _, name := range args {
		if name == "" {
			return errEmptyName
		}
		if name == "-" && len(args) > 1 {
			return errors.New("- is the whole recording: no other file goes with it")
		}
	}
	return nil
}

func runReplay(ctx context.Context, opt *replayOptions, names []string, cmd *cobra.Command) (err error) {
	window, err := opt.window.of(ctx, cmd, names)
	if err != nil {
		return err
	}
	src, err := openRecorded(ctx, names, opt.follow, cmd.InOrStdin(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() { err = join(err, src.Close()) }()
	defer readThrough()()
	src.limit(opt.memory)
	if opt.output.json() { // text goes to stderr, too, and must not fall behind that
		if src.flush = gather(cmd.OutOrStdout()); src.flush != nil {
			defer func() { err = join(err, src.flush()) }()
		}
	}
	opt.otlp.patient = !opt.follow
	also, err := opt.otlp.open(ctx, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() { err = join(err, opt.otlp.close(ctx, cmd.ErrOrStderr())) }()
	unmatched := newUnmatched(opt.filter.engineFilter(), opt.failOn)
	endProgress := func() {}
	if !isTerminal(cmd.OutOrStdout()) { // else what is printed shows it
		endProgress = showReading(cmd.ErrOrStderr(), src)
	}
	summary, err := engine.Run(ctx, src, engine.Options{
		Consumers: append(append(opt.failOn.consumers(), unmatched, opt.printer(cmd.OutOrStdout(), cmd.ErrOrStderr())), also...),
		Filter:    opt.filter.engineFilter(),
		Within:    window,
		Count:     uint64(opt.count),
	})
	endProgress()
	if err == nil {
		unmatched.warn(cmd.ErrOrStderr())
	}
	if err != nil {
		return err
	}
	return whole(summary)
}
