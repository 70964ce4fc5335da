package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"
)

// A replay into a collector delivers each creation, with the headers of the file.
func TestReplayIntoCollector(t *testing.T) {
	events := make(map[string]int)
	var auth, path string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		auth, path = r.Header.Get("Authorization"), r.URL.Path
		for _, rl := range req.GetResourceLogs() {
			for _, l := range rl.GetScopeLogs()[0].GetLogRecords() {
				events[l.GetEventName()]++
			}
		}
	}))
	defer server.Close()
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
	diag, err := replayed("--otlp", server.URL, "--otlp-headers", headers)
	if err != nil {
		t.Fatal(err, diag)
	}
	if events["nsblame.netns.create"] != 5 || events["nsblame.summary"] != 1 || auth != "Bearer x" || path != "/v1/logs" {
		t.Errorf("%v, %q, %q", events, auth, path)
	}
	if !strings.Contains(diag, "records sent") {
		t.Errorf("%q", diag)
	}

	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20y")
	if diag, err := replayed("--otlp", "env", "--otlp-spool", filepath.Join(t.TempDir(), "spool")); err != nil || auth != "Bearer y" || events["nsblame.netns.create"] != 10 {
		t.Errorf("%v, %q, %q, %v", err, auth, diag, events)
	}
	server.Config.Handler = http.NotFoundHandler()
	if diag, err := replayed("--otlp", server.URL); err == nil || !strings.Contains(diag, "404") {
		t.Errorf("a collector that refuses all: %v, %q", err, diag)
	}
	for _, args := range [][]string{{"--otlp", "https://user:secret@host"}, {"--otlp", "host:4318"}, {"--otlp-spool", "x"}, {"--otlp", server.URL, "--otlp-spool-size", "64K"}} {
		if diag, err := replayed(args...); err == nil || strings.Contains(diag, "secret") {
			t.Errorf("%q: %v, %q", args, err, diag)
		}
	}
}
