package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

const dumpHelp = `Print the events of a recording as text: one JSON object a line, in stream
order. This is what nsblame saw, before it concluded anything. Use it to find
out why replay gives a wrong answer. docs/recording.md explains the fields.

Several files are the parts of one recording, in order. - is stdin. A part that
cannot be read is an event of type Damage. The exit code is then 1.`

func newDumpCmd() *cobra.Command {
	memory := newMemoryFlag()
	cmd := &cobra.Command{
		Use:   "dump FILE...",
		Short: "Print the events of a recording as text",
		Long:  dumpHelp,
		Example: `  nsblame dump netns.avro
  nsblame dump netns.avro | grep '"type":"NetnsCreate"'
  ssh host nsblame record -o - --duration 1m | nsblame dump -`,
		ValidArgsFunction: completeRecordings,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFiles(args); err != nil {
				return usage(cmd, err)
			}
			return runDump(cmd.Context(), args, memory, cmd)
		},
	}
	memory.add(cmd)
	return cmd
}

func runDump(ctx context.Context, names []string, memory memoryFlag, cmd *cobra.Command) (err error) {
	src, err := openRecorded(ctx, names, false, cmd.InOrStdin(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() { err = join(err, src.Close()) }()
	src.limit(memory)
	out := bufio.NewWriter(cmd.OutOrStdout())
	summary, err := dump(ctx, src, render.NewDumper(out))
	if flushed := out.Flush(); err == nil && flushed != nil {
		err = fmt.Errorf("write the dump: %w", flushed)
	}
	if err != nil {
		return err
	}
	return whole(summary)
}

// dump writes all events of a recording, and counts the damaged parts.
func dump(ctx context.Context, src *recorded, d *render.Dumper) (finding.Summary, error) {
	var summary finding.Summary
	for {
		ev, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return summary, nil
		}
		if err != nil {
			return summary, err
		}
		if damage, ok := ev.Body.(*event.Damage); ok {
			summary.Damages++
			summary.DamagedBytes += damage.Bytes
			summary.DamagedBlocks += damage.Blocks
		}
		err = d.Event(ev, recording.Kind(ev.Body), func() error { return recording.Visit(ev.Body, d) })
		if err != nil {
			return summary, err
		}
	}
}
