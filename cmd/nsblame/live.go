package main

import (
	"context"
	"io"

	"github.com/nsblame/nsblame/internal/kernel"
	"github.com/nsblame/nsblame/internal/probe"
	"github.com/nsblame/nsblame/internal/tracer"
)

// liveTrace is the running kernel as a source, with its probes attached, wired
// to a printer.
type liveTrace interface {
	// Run prints until ctx ends or as many were printed as asked for, and the
	// summary then. The end of ctx is no error.
	Run(ctx context.Context) error
	// Close detaches the probes.
	Close() error
}

// The way to the kernel. Tests replace it, to drive the verbs without one.
var (
	openLive  = attachLive
	tryProbes = attachProbes
)

// attachedTrace is a liveTrace on the kernel's own probes.
type attachedTrace struct {
	source  *tracer.Live
	options tracer.Options
}

// attachLive attaches the probes.
func attachLive(_ context.Context, opt *traceOptions, stdout, stderr io.Writer) (liveTrace, error) {
	source, err := tracer.OpenLive(probe.Options{
		BufferSize: int(opt.bufferSize),
		ExecWait:   opt.execWait,
		Version:    readVersion().Version,
		NoBus:      opt.noBus,
	})
	if err != nil {
		return nil, err
	}
	return &attachedTrace{source: source, options: tracer.Options{
		Printer: opt.printer(stdout, stderr),
		Filter:  opt.filter.tracerFilter(),
		Count:   opt.count,
	}}, nil
}

func (t *attachedTrace) Run(ctx context.Context) error {
	_, err := tracer.Run(ctx, t.source, t.options)
	return err
}

func (t *attachedTrace) Close() error { return t.source.Close() }

// attachProbes attaches every probe and detaches it at once: a finding for
// each.
func attachProbes(context.Context) []kernel.Finding { return probe.Try() }
