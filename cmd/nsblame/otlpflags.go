package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/deliver/otlphttp"
	"github.com/nsblame/nsblame/internal/deliver/spool"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/present/otlp"
	"github.com/nsblame/nsblame/internal/present/render"
)

// otlpHelp explains --otlp in the help of each verb that has it.
const otlpHelp = `--otlp URL also sends what is found to an OpenTelemetry collector, as log
records over HTTP. --otlp env takes the address and the headers from
OTEL_EXPORTER_OTLP_ENDPOINT and the like. While the collector is away, records
wait in memory, or in the directory of --otlp-spool. What does not fit is
counted, on stderr and at the collector. docs/otlp.md lists the attributes.`

const (
	defaultSpoolSize = 64 << 20
	// inMemory bounds the records that wait without a directory.
	inMemory = 4 << 20
	// collectorTimeout is how long a request may take.
	collectorTimeout = 10 * time.Second
	// livePatience is how long the end of a live run waits for a collector that takes
	// nothing, replayPatience how long a replay does.
	livePatience   = 3 * time.Second
	replayPatience = time.Minute
	maxHeaderFile  = 64 << 10
)

// otlpFlags are --otlp and its kin. Once opened they have a consumer.
type otlpFlags struct {
	to        string
	headers   string
	spool     string
	spoolSize byteCount

	queue  spool.Queue
	sender *otlphttp.Sender
	// patient is set where the source can wait for the collector.
	patient bool
}

func newOTLPFlags() otlpFlags { return otlpFlags{spoolSize: defaultSpoolSize} }

func (f *otlpFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.to, "otlp", "", "also send what is found to the OpenTelemetry collector at this `URL`; env: as OTEL_EXPORTER_OTLP_ENDPOINT says")
	flags.StringVar(&f.headers, "otlp-headers", "", "a `file` of headers for the collector, such as Authorization: Bearer …, one a line")
	flags.StringVar(&f.spool, "otlp-spool", "", "a `directory` where records wait while the collector is away, also for the next run")
	flags.Var(&f.spoolSize, "otlp-spool-size", "how large that may become")
}

var (
	errOTLPURL    = errors.New("--otlp needs an address such as http://localhost:4318, or env")
	errOTLPSecret = errors.New("--otlp has a password, which other users can read: put an Authorization header into a file, for --otlp-headers")
	errOTLPAlone  = errors.New("--otlp-headers and --otlp-spool go with --otlp only")
	errOTLPSize   = errors.New("--otlp-spool-size must be 1M or more")
	errOTLPEnv    = errors.New("--otlp env: OTEL_EXPORTER_OTLP_LOGS_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT must have an address")
	errHeaderLine = errors.New("not of the form Name: value")
)

// validate checks what the flags' own types cannot.
func (f *otlpFlags) validate(cmd *cobra.Command) error {
	switch {
	case f.to == "" && cmd.Flags().Changed("otlp"):
		return errOTLPURL
	case f.to == "" && (f.headers != "" || f.spool != "" || f.spoolSize != defaultSpoolSize):
		return errOTLPAlone
	case f.spoolSize < spool.MinSize:
		return errOTLPSize
	case f.to == "" || f.to == "env":
		return nil
	}
	_, err := logsURL(f.to)
	return err
}

// logsURL is where to POST to. An address without a path gets that of OTLP.
func logsURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errOTLPURL
	}
	if u.User != nil {
		return "", errOTLPSecret
	}
	if strings.Trim(u.Path, "/") == "" {
		u = u.JoinPath("v1/logs")
	}
	return u.String(), nil
}

// open begins to send, if the flag is given.
func (f *otlpFlags) open(ctx context.Context, stderr io.Writer) ([]finding.Consumer, error) {
	if f.to == "" {
		return nil, nil
	}
	opt, err := f.options(stderr)
	if err != nil {
		return nil, err
	}
	opt.Warn = func(s string) { fmt.Fprintf(stderr, "nsblame: --otlp: %s\n", render.Sentence(s)) }
	opt.Dropped = func(n uint64) []byte { return otlp.Dropped(uint64(time.Now().UnixNano()), n) }
	if opt.Queue, err = f.openQueue(opt.Warn); err != nil {
		return nil, err
	}
	f.queue, f.sender = opt.Queue, otlphttp.Start(opt)
	put := func(record []byte) error {
		f.sender.Put(record)
		return nil
	}
	if f.patient {
		put = func(record []byte) error { return f.sender.PutWait(ctx, record, replayPatience) }
	}
	var run [otlp.RunSize]byte
	rand.Read(run[:]) // never fails
	return []finding.Consumer{otlp.New(put, run)}, nil
}

func (f *otlpFlags) openQueue(warn func(string)) (spool.Queue, error) {
	if f.spool == "" {
		return spool.NewMemory(inMemory), nil
	}
	disk, err := spool.OpenDisk(f.spool, int64(f.spoolSize))
	if err != nil {
		return nil, fmt.Errorf("--otlp-spool: %w", err)
	}
	if n := disk.Damaged(); n > 0 {
		warn(fmt.Sprintf("the spool ended in %d bytes that are no whole record: an earlier run was cut off", n))
	}
	return disk, nil
}

// options are those that the flags and the environment ask for.
func (f *otlpFlags) options(stderr io.Writer) (otlphttp.Options, error) {
	opt := otlphttp.Options{Header: make(http.Header)}
	var transport http.RoundTripper = http.DefaultTransport.(*http.Transport).Clone()
	text := f.to
	var err error
	if f.to == "env" {
		if text, err = fromEnvironment(opt.Header); err != nil {
			return opt, err
		}
		if name := otelVariable("CERTIFICATE"); name != "" {
			if transport, err = newTrusting(name, stderr); err != nil {
				return opt, fmt.Errorf("--otlp env: OTEL_EXPORTER_OTLP_CERTIFICATE: %w", err)
			}
		}
	}
	if opt.URL, err = logsURL(text); err != nil {
		return opt, err
	}
	if f.headers != "" {
		headers, err := newReread("--otlp-headers", func() (http.Header, error) {
			header := opt.Header.Clone()
			return header, readHeaders(f.headers, header)
		}, f.headers)
		if err != nil {
			return opt, fmt.Errorf("--otlp-headers: %w", err)
		}
		headers.said = stderr
		opt.Headers = headers.get
	}
	opt.Client = otlphttp.NewClient(transport, collectorTimeout)
	return opt, nil
}

// otelVariable is a variable of OpenTelemetry's convention: the one for logs prevails.
func otelVariable(name string) string {
	if v := os.Getenv("OTEL_EXPORTER_OTLP_LOGS_" + name); v != "" {
		return v
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_" + name)
}

// fromEnvironment takes over what OpenTelemetry's variables say of the collector. An
// endpoint for logs alone is the whole address; to the general one, the path is added.
func fromEnvironment(header http.Header) (string, error) {
	address := os.Getenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT")
	if general := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); address == "" && general != "" {
		address = strings.TrimRight(general, "/") + "/v1/logs"
	}
	if address == "" {
		return "", errOTLPEnv
	}
	for pair := range strings.SplitSeq(otelVariable("HEADERS"), ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		if plain, err := url.PathUnescape(strings.TrimSpace(value)); err == nil {
			value = plain
		}
		header.Set(strings.TrimSpace(name), value)
	}
	return address, nil
}

// readHeaders reads lines of the form "Name: value". Their values are never shown.
func readHeaders(name string, header http.Header) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewScanner(io.LimitReader(file, maxHeaderFile))
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(key) == "" {
			return fmt.Errorf("line %d of %q: %w", n, name, errHeaderLine)
		}
		header.Add(strings.TrimSpace(key), strings.TrimSpace(value))
	}
	return in.Err()
}

// close delivers what still waits, and says what became of all. It fails where a replay
// did not deliver everything.
func (f *otlpFlags) close(ctx context.Context, stderr io.Writer) error {
	if f.sender == nil {
		return nil
	}
	patience := livePatience
	if f.patient {
		patience = replayPatience
	} else {
		ctx = context.WithoutCancel(ctx) // what ended the run is no reason to drop it
	}
	stats := f.sender.Close(ctx, patience)
	err := f.queue.Close()
	f.sender = nil
	missing := stats.Overflowed + stats.Rejected
	text := fmt.Sprintf("%d records sent", stats.Sent)
	if stats.Rejected > 0 {
		text += fmt.Sprintf(", %d refused by the collector", stats.Rejected)
	}
	if stats.Overflowed > 0 {
		text += fmt.Sprintf(", %d dropped because they did not fit", stats.Overflowed)
	}
	switch {
	case stats.Left > 0 && f.spool != "":
		text += fmt.Sprintf(", %d wait in the spool for the next run", stats.Left)
	case stats.Left > 0:
		text += fmt.Sprintf(", %d dropped at the end: the collector did not take them in time", stats.Left)
		missing += stats.Left
	}
	if missing > 0 || stats.Left > 0 || f.patient {
		fmt.Fprintf(stderr, "nsblame: --otlp: %s\n", text)
	}
	if err == nil && f.patient && missing+stats.Left > 0 {
		err = fmt.Errorf("--otlp: %d records are not at the collector", missing+stats.Left)
	}
	return err
}
