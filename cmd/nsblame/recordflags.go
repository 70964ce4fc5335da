package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/stream/engine"
	"github.com/nsblame/nsblame/internal/stream/redact"
)

// redactFlag is --redact[=all|secrets].
type redactFlag struct{ choice }

func newRedactFlag() redactFlag {
	return redactFlag{choice{allowed: []string{string(redact.All), string(redact.Secrets)}}}
}

func (f *redactFlag) add(cmd *cobra.Command) {
	f.choice.add(cmd, "redact", "replace the values of arguments in the file: all, or those that look like secrets")
	cmd.Flags().Lookup("redact").NoOptDefVal = string(redact.All)
}

func (f *redactFlag) mode() redact.Mode { return redact.Mode(f.value) }

// recordTarget is where a recording goes, and how.
type recordTarget struct {
	file        string
	rotateSize  uint64 // 0: one file
	rotateFiles uint   // 0: all
	redact      redact.Mode
	stdout      io.Writer // for the file "-"
}

// recordTo runs a stream with a recording of it. ready is called once that has
// begun.
func recordTo(ctx context.Context, src source, ready func() error, to recordTarget,
	run func(context.Context, engine.Source, *sink) error,
) error {
	s, err := createSink(to.file, to.rotateSize, to.rotateFiles, to.stdout)
	if err != nil {
		return err
	}
	if err := ready(); err != nil {
		return join(err, s.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err = run(ctx, engine.Record(src, s, to.redact, stop), s)
	return join(err, s.closeFile()) // closed already, but for an error
}
