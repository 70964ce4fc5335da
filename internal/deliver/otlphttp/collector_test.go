package otlphttp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/deliver/otlphttp"
	"github.com/nsblame/nsblame/internal/deliver/spool"
)

// The receiver is OpenTelemetry's; the exporter is that of tools/otelcol.
const config = `
receivers: {otlp: {protocols: {http: {endpoint: %q}}}}
exporters: {lines: {path: %q}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {logs: {receivers: [otlp], exporters: [lines]}}
`

// realCollector is an OpenTelemetry collector that writes what it gets into a file.
type realCollector struct {
	t               *testing.T
	binary, address string
	config, file    string
	cmd             *exec.Cmd
}

// newReal skips unless make test-otlp has built a collector.
func newReal(t *testing.T) *realCollector {
	t.Helper()
	binary := os.Getenv("NSBLAME_OTELCOL")
	if binary == "" {
		t.Skip("NSBLAME_OTELCOL names no collector: make test-otlp builds one")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	r := &realCollector{t: t, binary: binary, address: l.Addr().String(), config: filepath.Join(dir, "config.yaml"), file: filepath.Join(dir, "got")}
	if err := os.WriteFile(r.config, fmt.Appendf(nil, config, r.address, r.file), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.kill() })
	return r
}

func (r *realCollector) start() {
	r.t.Helper()
	r.cmd = exec.Command(r.binary, "--config", r.config)
	log, err := os.Create(r.config + ".log")
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	r.cmd.Stderr = log
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *realCollector) kill() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		r.cmd = nil
	}
}

// counts are the bodies that it got, and how often.
func (r *realCollector) counts() map[string]int {
	r.t.Helper()
	got := make(map[string]int)
	file, err := os.Open(r.file)
	if err != nil {
		return got
	}
	defer file.Close()
	in := bufio.NewScanner(file)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var line struct {
			ResourceLogs []struct {
				ScopeLogs []struct {
					LogRecords []struct{ Body struct{ StringValue string } }
				}
			}
		}
		if json.Unmarshal(in.Bytes(), &line) != nil {
			continue // it was killed while it wrote this one, which it has not answered then
		}
		for _, rl := range line.ResourceLogs {
			for _, sl := range rl.ScopeLogs {
				for _, l := range sl.LogRecords {
					got[l.Body.StringValue]++
				}
			}
		}
	}
	return got
}

// waitFor waits until it has at least so many records.
func (r *realCollector) waitFor(n int) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); len(r.counts()) < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%d records of %d", len(r.counts()), n)
		}
	}
}

// A real collector that is killed, stopped and goes on has each record in the end.
func TestRealCollector(t *testing.T) {
	r := newReal(t)
	disk, err := spool.OpenDisk(filepath.Join(t.TempDir(), "spool"), 8*spool.MinSize)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	opt := options("http://"+r.address+"/v1/logs", disk)
	opt.Client = otlphttp.NewClient(&http.Transport{}, time.Second)
	opt.Records = 100
	opt.Warn = func(s string) { t.Log(s) }
	s := otlphttp.Start(opt)

	put(s, 0, 1000) // it is not there yet
	r.start()
	r.waitFor(1000)
	t.Log("it came: all is there")

	r.kill()
	put(s, 1000, 5000)
	r.start()
	r.waitFor(5000)
	t.Log("killed and back: all is there")

	if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	put(s, 5000, 6000)
	time.Sleep(3 * time.Second) // longer than a request may take
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	r.waitFor(6000)
	t.Log("slow: all is there")

	put(s, 6000, 10_000)
	r.kill() // amid a delivery
	r.start()
	stats := s.Close(context.Background(), patience)
	got := r.counts()
	twice := 0
	for i := range 10_000 {
		switch n := got[fmt.Sprint(i)]; {
		case n == 0:
			t.Fatalf("record %d is lost", i)
		case n > 1:
			twice++
		}
	}
	if stats.Sent != 10_000 || stats.Left+stats.Overflowed+stats.Rejected != 0 || stats.Retries == 0 {
		t.Errorf("%+v", stats)
	}
	t.Logf("%+v, %d records came twice", stats, twice)
}
