package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/stream/engine"
	"github.com/nsblame/nsblame/internal/stream/redact"
)

const serveHelp = `Run as the agent of this machine, until it is ended. serve observes, keeps
recordings in a directory, and answers over HTTP:
  /metrics     for Prometheus, see docs/metrics.md
  /healthz     200 while it observes
  /report      the report of all that was seen since the start, as a page
  /api/report  the same as JSON, see docs/json.md
/report and /api/report take ?by= with cause, workload, unit, origin or command.

By default it listens on a unix socket that only its own user may connect to,
and on a port of this machine. Every user of the machine may reach the port. So
it has /metrics and /healthz alone, unless --token-file is given: reports hold
command lines. An address that others can reach takes a token and TLS.

Each flag is also a key of the --config file, and an environment variable:
rotate-size is NSBLAME_ROTATE_SIZE. A flag wins over the environment, and that
over the file. --check says what is in force, and where each value is from.`

// serveGC is how much may be allocated between two collections, in percent of what lives.
// An agent stays for long, and has more time than memory.
const serveGC = 50

// Defaults of serve.
const (
	defaultServeSocket = "unix:/run/nsblame/nsblame.sock"
	defaultServePort   = "127.0.0.1:9977"
	defaultServeDir    = "/var/lib/nsblame"
	defaultServeSize   = byteCount(64 << 20)
	defaultServeFiles  = countFlag(10)
)

// serveOptions is the command line of serve, validated.
type serveOptions struct {
	config string
	check  bool
	ask    askFlag

	listen    []string
	tlsCert   string
	tlsKey    string
	tokenFile string

	recordDir   string
	rotateSize  byteCount
	rotateFiles countFlag
	codec       codecFlag
	redact      redactFlag
	live        liveFlags
	outlets     outletFlags
}

func newServeCmd() *cobra.Command {
	opt := &serveOptions{
		codec: newCodecFlag(), live: newPatientLiveFlags(), outlets: newOutletFlags(),
		rotateSize: defaultServeSize, rotateFiles: defaultServeFiles,
	}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run as an agent: recordings, metrics and reports over HTTP",
		Long:  serveHelp,
		Example: `  nsblame serve
  nsblame serve --config /etc/nsblame/nsblame.yaml --check
  nsblame serve --record-dir '' --listen 127.0.0.1:9977
  nsblame serve --ask /healthz
  curl --unix-socket /run/nsblame/nsblame.sock http://localhost/api/report`,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := readSettings(cmd, opt.config, os.Environ())
			if err != nil {
				return usage(cmd, err)
			}
			web, err := opt.validate(cmd)
			if err != nil {
				return usage(cmd, err)
			}
			if cmd.Flags().Changed("ask") {
				return opt.ask.ask(cmd.Context(), opt.listen, cmd.OutOrStdout())
			}
			if opt.check {
				return writeSettings(cmd.OutOrStdout(), cmd.Flags(), from)
			}
			return runServe(cmd, opt, web)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&opt.config, "config", "", "read settings from this YAML `file`")
	flags.BoolVar(&opt.check, "check", false, "check the settings, print what is in force, and exit")
	flags.StringVar(&opt.ask.path, "ask", "", "ask the agent that runs for this `path` over its socket, and exit")
	flags.StringArrayVar(&opt.listen, "listen", []string{defaultServeSocket, defaultServePort}, "answer on this `address`: unix:PATH or HOST:PORT; repeatable")
	flags.StringVar(&opt.tokenFile, "token-file", "", "ask who comes over a port for the token in this `file`")
	flags.StringVar(&opt.tlsCert, "tls-cert", "", "answer over TLS on ports, with the certificates in this `file`")
	flags.StringVar(&opt.tlsKey, "tls-key", "", "the `file` with the key of the first of them")
	flags.StringVar(&opt.recordDir, "record-dir", defaultServeDir, "keep recordings in this `directory`; '' for none")
	flags.Var(&opt.rotateSize, "rotate-size", "begin a new file at this size (64K, 100M, 2G)")
	flags.Var(&opt.rotateFiles, "rotate-files", "keep only this many files, the latest")
	opt.codec.add(cmd)
	opt.redact.add(cmd)
	opt.live.add(cmd)
	opt.outlets.add(cmd)
	return cmd
}

var (
	errServeNowhere = errors.New("--listen: no address to answer on")
	errServeFiles   = errors.New("--rotate-files must be 2 or more: an agent does not fill the disk")
	errServeDir     = errors.New("--record-dir must be an absolute path")
)

// validate checks the settings, and reads the files that they name.
func (o *serveOptions) validate(cmd *cobra.Command) (*webSettings, error) {
	if cmd.Flags().Changed("ask") {
		return nil, o.ask.check()
	}
	switch {
	case len(o.listen) == 0:
		return nil, errServeNowhere
	case o.recordDir != "" && !filepath.IsAbs(o.recordDir):
		return nil, errServeDir
	case o.rotateFiles < 2:
		return nil, errServeFiles
	}
	if err := o.live.validate(cmd); err != nil {
		return nil, err
	}
	if err := o.outlets.validate(cmd); err != nil {
		return nil, err
	}
	return newWebSettings(o)
}

// runServe observes and answers until it is asked to end.
func runServe(cmd *cobra.Command, opt *serveOptions, web *webSettings) error {
	stderr := cmd.ErrOrStderr()
	web.say(stderr)
	observed, err := opt.live.observe(cmd.Context(), func(ctx context.Context, live source, ready func() error) (err error) {
		listeners, err := web.open()
		if err != nil {
			return err
		}
		giveUp(live, stderr)
		a := newAgent(readVersion(), opt.live.cost)
		a.said = stderr
		a.also, err = opt.outlets.open(ctx, stderr)
		defer func() { err = join(err, opt.outlets.close(ctx, stderr)) }()
		if err != nil {
			return join(err, closeAll(listeners))
		}
		return a.serve(ctx, live, opt.recording(), listeners, web, func() error {
			if err := ready(); err != nil {
				return err
			}
			debug.SetGCPercent(serveGC)
			for _, l := range listeners {
				fmt.Fprintf(stderr, "nsblame: answering on %s\n", l.name)
			}
			return nil
		})
	})
	if err == nil && observed {
		fmt.Fprintln(stderr, "nsblame: ended")
	}
	return err
}

// closeAll closes listeners that nobody answers on.
func closeAll(listeners []listener) (err error) {
	for _, l := range listeners {
		err = join(err, l.Close())
	}
	return err
}

// recordingName is how serve names its recordings: by their start, and rotated ones by
// a number. They are in order by name.
const recordingName = "serve-20060102T150405Z.avro"

var isRecording = regexp.MustCompile(`^serve-[0-9]{8}T[0-9]{6}Z-[0-9]{6}\.avro$`)

// recording is where serve records to, with an empty file for nowhere.
func (o *serveOptions) recording() recordTarget {
	to := recordTarget{rotateSize: uint64(o.rotateSize), rotateFiles: uint(o.rotateFiles), codec: o.codec.codec(), redact: o.redact.mode, stdout: io.Discard}
	if o.recordDir != "" {
		to.file = filepath.Join(o.recordDir, time.Now().UTC().Format(recordingName))
	}
	return to
}

// earlier are the recordings of former runs beside a recording, the oldest first. If
// there is no such directory, it makes one that nobody else can look into.
func earlier(file string) ([]string, error) {
	dir := filepath.Dir(file)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make %q for recordings: %w", dir, unwrapPath(err))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("recordings in %q: %w", dir, unwrapPath(err))
	}
	var list []string
	for _, e := range entries {
		if e.Type().IsRegular() && isRecording.MatchString(e.Name()) {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(list)
	return list, nil
}

// serve runs a stream, records it, and answers requests meanwhile. It closes the
// listeners.
func (a *agent) serve(ctx context.Context, live source, to recordTarget, listeners []listener, web *webSettings, ready func() error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	end := a.answer(ctx, listeners, web, stop)
	observe := func(ctx context.Context, src engine.Source) error {
		a.health.Store(healthGood)
		_, err := engine.Run(ctx, src, engine.Options{Consumers: append([]finding.Consumer{a}, a.also...)})
		return err
	}
	var err error
	if to.file == "" {
		if err = ready(); err == nil {
			err = observe(ctx, to.unrecorded(live, stop))
		}
	} else {
		err = a.recordAndObserve(ctx, live, to, ready, observe)
	}
	a.health.Store(healthEnded)
	return join(err, end())
}

// recordAndObserve keeps the recordings of former runs within the number that is kept.
func (a *agent) recordAndObserve(ctx context.Context, live source, to recordTarget, ready func() error, observe func(context.Context, engine.Source) error) error {
	old, err := earlier(to.file)
	if err != nil {
		return err
	}
	to.endure = func(s *sink) engine.Sink {
		s.names = append(slices.Clone(old), s.names...)
		e := newEnduring(s, a.said)
		a.recorder.Store(e)
		a.metrics.RecordedBy(e.recorded)
		return e
	}
	return recordTo(ctx, live, ready, to, func(ctx context.Context, src engine.Source, s *sink) error {
		if err := s.prune(); err != nil {
			return s.wrap(err)
		}
		return observe(ctx, src)
	})
}

// unrecorded is a source without a recording, which hides the same.
func (to *recordTarget) unrecorded(live source, stop func()) engine.Source {
	key := make([]byte, redactKeySize)
	_, _ = rand.Read(key) // never fails
	return engine.Record(live, nowhere{}, redact.New(to.redact, key), stop)
}

// nowhere is a sink that keeps nothing.
type nowhere struct{}

// Write implements engine.Sink.
func (nowhere) Write(event.Event) error { return nil }

// Flush implements engine.Sink.
func (nowhere) Flush() error { return nil }

// Close implements engine.Sink.
func (nowhere) Close() error { return nil }
