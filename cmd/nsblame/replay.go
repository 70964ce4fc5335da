package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/stream/engine"
)

const replayHelp = `Print what a recording tells, as trace would have: by nsblame record or trace
--record, on whatever machine. It takes no rights and asks nothing of this
machine, but for the number of a user whom --uid names.

Several files are the parts of one recording, in their order. - is stdin.
--follow waits for more where the file ends, until the recording itself does.

A recording that was cut off, or damaged, is read as far as it can be: what is
missing is named in its place and in the summary, and the exit code is 1.

With --count all of the recording is read, unless it is followed: the summary
tells of the whole.

` + failOnHelp

// replayOptions is the command line of replay, validated.
type replayOptions struct {
	printFlags
	follow bool
	failOn failOnFlag
}

func newReplayCmd() *cobra.Command {
	opt := &replayOptions{printFlags: newPrintFlags()}
	cmd := &cobra.Command{
		Use:   "replay FILE...",
		Short: "Print what a recording tells, as trace does",
		Long:  replayHelp,
		Example: `  nsblame replay netns.avro --tree
  nsblame replay netns-*.avro --output json
  ssh host nsblame record -o - | nsblame replay -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opt.validate(cmd, args); err != nil {
				return usage(cmd, err)
			}
			return opt.failOn.finish(runReplay(cmd.Context(), opt, args, cmd))
		},
	}
	cmd.Flags().SortFlags = false
	opt.printFlags.add(cmd)
	cmd.Flags().BoolVar(&opt.follow, "follow", false, "wait for more where the file ends; Ctrl-C ends it")
	opt.failOn.add(cmd)
	return cmd
}

var (
	errNoFile     = errors.New("which recording: the name of a file, or - for stdin")
	errFollowMany = errors.New("--follow goes with one file")
	errEmptyName  = errors.New("the name of a file is empty")
)

func (o *replayOptions) validate(cmd *cobra.Command, args []string) error {
	if err := checkFiles(args); err != nil {
		return err
	}
	if o.follow && len(args) > 1 {
		return errFollowMany
	}
	return o.printFlags.validate(cmd)
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
	src, err := openRecorded(ctx, names, opt.follow, cmd.InOrStdin(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() { err = join(err, src.Close()) }()
	summary, err := engine.Run(ctx, src, engine.Options{
		Printer:   opt.printer(cmd.OutOrStdout(), cmd.ErrOrStderr()),
		Observers: opt.failOn.observers(),
		Filter:    opt.filter.engineFilter(),
		Count:     opt.count,
	})
	if err != nil {
		return err
	}
	return whole(summary)
}
