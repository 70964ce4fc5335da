package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"
)

// fakeCollector counts the records that it gets, by their event names.
type fakeCollector struct {
	*httptest.Server
	mu         sync.Mutex
	events     map[string]int
	auth, path string
}

func newFakeCollector(t *testing.T) *fakeCollector {
	t.Helper()
	c := &fakeCollector{events: make(map[string]int)}
	c.Server = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(c.Close)
	return c
}

func (c *fakeCollector) of(event string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events[event]
}

func (c *fakeCollector) take(w http.ResponseWriter, r *http.Request) {
	zip, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, "not gzip", http.StatusBadRequest)
		return
	}
	raw, _ := io.ReadAll(zip)
	var req collogs.ExportLogsServiceRequest
	if proto.Unmarshal(raw, &req) != nil {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.auth, c.path = r.Header.Get("Authorization"), r.URL.Path
	for _, rl := range req.GetResourceLogs() {
		for _, l := range rl.GetScopeLogs()[0].GetLogRecords() {
			c.events[l.GetEventName()]++
		}
	}
}

// A replay into a collector delivers each creation, with the headers of the file.
func TestReplayIntoCollector(t *testing.T) {
	c := newFakeCollector(t)
	headers := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(headers, []byte("# of the collector\nAuthorization: Bearer x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	replayed := func(args ...string) (string, error) {
		var out, diag bytes.Buffer
		cmd := newRootCmd()
		cmd.SetArgs(append([]string{"replay", "../../examples/hostnamectl.avro"}, args...))
		cmd.SetOut(&out)
		cmd.SetErr(&diag)
		err := cmd.ExecuteContext(context.Background())
		return diag.String(), err
	}
	diag, err := replayed("--otlp", c.URL, "--otlp-headers", headers)
	if err != nil {
		t.Fatal(err, diag)
	}
	if c.of("nsblame.netns.create") != 5 || c.of("nsblame.summary") != 1 || c.auth != "Bearer x" || c.path != "/v1/logs" {
		t.Errorf("%v, %q, %q", c.events, c.auth, c.path)
	}
	if !strings.Contains(diag, "records sent") {
		t.Errorf("%q", diag)
	}

	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20y")
	if diag, err := replayed("--otlp", "env", "--otlp-spool", filepath.Join(t.TempDir(), "spool")); err != nil || c.auth != "Bearer y" || c.of("nsblame.netns.create") != 10 {
		t.Errorf("%v, %q, %q, %v", err, c.auth, diag, c.events)
	}
	c.Config.Handler = http.NotFoundHandler()
	if diag, err := replayed("--otlp", c.URL); err == nil || !strings.Contains(diag, "404") {
		t.Errorf("a collector that refuses all: %v, %q", err, diag)
	}
	for _, args := range [][]string{{"--otlp", "https://user:secret@host"}, {"--otlp", "host:4318"}, {"--otlp-spool", "x"}, {"--otlp", c.URL, "--otlp-spool-size", "64K"}} {
		if diag, err := replayed(args...); err == nil || strings.Contains(diag, "secret") {
			t.Errorf("%q: %v, %q", args, err, diag)
		}
	}
}

// The agent of a node sends what it finds while it answers.
func TestServeIntoCollector(t *testing.T) {
	c := newFakeCollector(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "nsblame.yaml")
	settings := fmt.Sprintf("listen: ['unix:%s/s']\nrecord-dir: ''\notlp: %s\n", dir, c.URL)
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "serve", "--config", config)
	cmd.Args[0] = "nsblame-fake"
	cmd.Env = append(os.Environ(), "FAKE_FILE=../../examples/hostnamectl.avro")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	until(t, "creations at the collector", func() bool { return c.of("nsblame.netns.create") == 5 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, &stderr)
	}
	if c.of("nsblame.summary") != 1 {
		t.Errorf("the end was not sent: %v", c.events)
	}
}
