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

// recordTo runs a stream with a recording of it.
func recordTo(ctx context.Context, src source, file string, rotateSize uint64, rotateKeep uint, mode redact.Mode, stdout io.Writer,
	run func(context.Context, engine.Source, *sink) error,
) error {
	s, err := createSink(file, rotateSize, rotateKeep, stdout)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err = run(ctx, engine.Record(src, s, mode, stop), s)
	return join(err, s.closeFile()) // closed already, but for an error
}
