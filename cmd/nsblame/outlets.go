package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// outletFlags are the other programs that the findings of a live verb go to as well.
type outletFlags struct {
	journal journalFlag
	otlp    otlpFlags
}

func newOutletFlags() outletFlags { return outletFlags{otlp: newOTLPFlags()} }

func (f *outletFlags) add(cmd *cobra.Command) {
	f.journal.add(cmd)
	f.otlp.add(cmd)
}

func (f *outletFlags) validate(cmd *cobra.Command) error { return f.otlp.validate(cmd) }

// open begins to send, and returns what takes the findings. close must follow.
func (f *outletFlags) open(ctx context.Context, stderr io.Writer) ([]finding.Consumer, error) {
	list, err := f.journal.open()
	if err != nil {
		return nil, err
	}
	more, err := f.otlp.open(ctx, stderr)
	return append(list, more...), err
}

// close sends what still waits, for a few seconds at most, and says what was not sent.
func (f *outletFlags) close(ctx context.Context, stderr io.Writer) error {
	f.journal.close(stderr)
	return f.otlp.close(ctx, stderr)
}
