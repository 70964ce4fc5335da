package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/stream/engine"
	"github.com/nsblame/nsblame/internal/stream/recording"
	"github.com/nsblame/nsblame/internal/stream/redact"
)

// redactFlag is --redact[=MODE,...].
type redactFlag struct{ mode redact.Mode }

// String returns what is hidden.
func (f *redactFlag) String() string { return f.mode.String() }

// Type names the values in the help.
func (f *redactFlag) Type() string { return strings.Join(redact.ModeNames(), "|") }

// Set adds modes to those that were given before.
func (f *redactFlag) Set(s string) error {
	for name := range strings.SplitSeq(s, ",") {
		mode, ok := redact.Parse(name)
		if !ok {
			return fmt.Errorf("%w: %s", errNotAllowed, strings.Join(redact.ModeNames(), ", "))
		}
		f.mode |= mode
	}
	return nil
}

func (f *redactFlag) add(cmd *cobra.Command) {
	const name = "redact"
	cmd.Flags().Var(f, name, "hide before anything is written: secrets (arguments that look like one), names (of the machine, containers and pods), or all (every argument, and names)")
	cmd.Flags().Lookup(name).NoOptDefVal = redact.All.String()
	complete := cobra.FixedCompletions(redact.ModeNames(), cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(err) // the flag was defined twice
	}
}

// codecFlag is --codec.
type codecFlag struct{ choice }

func newCodecFlag() codecFlag {
	var names []string
	for _, c := range recording.Codecs {
		names = append(names, string(c))
	}
	return codecFlag{choice{value: names[0], allowed: names}}
}

func (f *codecFlag) add(cmd *cobra.Command) {
	f.choice.add(cmd, "codec", "how to compress the recording; every Avro reader reads deflate, not every one zstandard")
}

func (f *codecFlag) codec() recording.Codec { return recording.Codec(f.value) }

// redactKeySize is the size of the key of a run, in bytes. It is kept nowhere: in two
// runs, other words stand for the same names.
const redactKeySize = 32

// recordTarget is where a recording goes, and how.
type recordTarget struct {
	file        string
	rotateSize  uint64          // 0: one file
	rotateFiles uint            // 0: all
	codec       recording.Codec // empty: the usual one
	redact      redact.Mode
	stdout      io.Writer // for the file "-"
	// endure makes what outlives a full disk of a sink; nil for the sink itself.
	endure func(*sink) engine.Sink
}

// recordTo runs a stream with a recording of it. ready is called once that has
// begun.
func recordTo(ctx context.Context, src source, ready func() error, to recordTarget,
	run func(context.Context, engine.Source, *sink) error,
) error {
	s, err := createSink(&to)
	if err != nil {
		return err
	}
	if err := ready(); err != nil {
		return join(err, s.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	key := make([]byte, redactKeySize)
	_, _ = rand.Read(key) // never fails
	var out engine.Sink = s
	if to.endure != nil {
		out = to.endure(s)
	}
	err = run(ctx, engine.Record(src, out, redact.New(to.redact, key), stop), s)
	return join(err, s.closeFile()) // closed already, but for an error
}
