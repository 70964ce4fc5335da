package otlphttp_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/nsblame/nsblame/internal/deliver/otlphttp"
	"github.com/nsblame/nsblame/internal/deliver/spool"
)

const patience = time.Minute

// record is a request with one record of a text.
func record(text string) []byte {
	value := &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: text}}
	out, err := proto.Marshal(&collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  &resource.Resource{},
		ScopeLogs: []*logs.ScopeLogs{{LogRecords: []*logs.LogRecord{{Body: value}}}},
	}}})
	if err != nil {
		panic(err)
	}
	return out
}

func dropped(n uint64) []byte { return record(fmt.Sprint("dropped ", n)) }

// collector is a fake one, which answers as the test says.
type collector struct {
	mu       sync.Mutex
	answer   func(request int, texts []string, w http.ResponseWriter) (taken bool)
	requests []time.Time
	groups   int
	got      []string
	header   http.Header
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	zip, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	raw, _ := io.ReadAll(zip)
	var req collogs.ExportLogsServiceRequest
	if err := proto.Unmarshal(raw, &req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var texts []string
	for _, rl := range req.GetResourceLogs() {
		for _, sl := range rl.GetScopeLogs() {
			for _, l := range sl.GetLogRecords() {
				texts = append(texts, l.GetBody().GetStringValue())
			}
		}
	}
	c.mu.Lock()
	c.requests = append(c.requests, time.Now())
	n := len(c.requests)
	c.header = r.Header
	c.groups += len(req.GetResourceLogs())
	answer := c.answer
	c.mu.Unlock()
	if answer != nil && !answer(n, texts, w) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, texts...)
}

func (c *collector) texts() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.got...)
}

func status(code int) func(int, []string, http.ResponseWriter) bool {
	return func(_ int, _ []string, w http.ResponseWriter) bool {
		w.WriteHeader(code)
		return code/100 == 2
	}
}

func options(url string, q spool.Queue) otlphttp.Options {
	return otlphttp.Options{
		URL: url, Queue: q, Dropped: dropped, Client: otlphttp.NewClient(http.DefaultTransport, patience),
		Linger: time.Millisecond, MinPause: time.Millisecond, MaxPause: 10 * time.Millisecond,
	}
}

func start(t *testing.T, c *collector) string {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return server.URL
}

func put(s *otlphttp.Sender, from, to int) {
	for i := from; i < to; i++ {
		s.Put(record(fmt.Sprint(i)))
	}
}

// wholeAndInOrder checks that all of 0 … n-1 are there, each once and in order.
func wholeAndInOrder(t *testing.T, got []string, n int) {
	t.Helper()
	if len(got) != n {
		t.Errorf("%d records of %d", len(got), n)
	}
	for i, text := range got {
		if text != fmt.Sprint(i) {
			t.Fatalf("record %d is %q", i, text)
		}
	}
}

func TestDelivers(t *testing.T) {
	c := &collector{}
	opt := options(start(t, c), spool.NewMemory(1<<20))
	opt.Header, opt.Records = http.Header{"Authorization": {"Bearer x"}}, 100
	s := otlphttp.Start(opt)
	put(s, 0, 1000)
	stats := s.Close(context.Background(), patience)
	wholeAndInOrder(t, c.texts(), 1000)
	if stats != (otlphttp.Stats{Sent: 1000}) {
		t.Errorf("%+v", stats)
	}
	if c.header.Get("Authorization") != "Bearer x" || c.header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("%v", c.header)
	}
	if c.groups != len(c.requests) {
		t.Errorf("%d groups in %d requests: one machine is one group", c.groups, len(c.requests))
	}
}

// Statuses that allow another try lose nothing.
func TestRetries(t *testing.T) {
	for _, code := range []int{429, 502, 503, 504} {
		c := &collector{answer: func(n int, _ []string, w http.ResponseWriter) bool {
			if n <= 3 {
				w.WriteHeader(code)
			}
			return n > 3
		}}
		s := otlphttp.Start(options(start(t, c), spool.NewMemory(1<<20)))
		put(s, 0, 100)
		stats := s.Close(context.Background(), patience)
		wholeAndInOrder(t, c.texts(), 100)
		if stats.Sent != 100 || stats.Retries != 3 || stats.Left+stats.Rejected+stats.Overflowed != 0 {
			t.Errorf("%d: %+v", code, stats)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	c := &collector{answer: func(n int, _ []string, w http.ResponseWriter) bool {
		if n == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n > 1
	}}
	s := otlphttp.Start(options(start(t, c), spool.NewMemory(1<<20)))
	put(s, 0, 1)
	s.Close(context.Background(), patience)
	wholeAndInOrder(t, c.texts(), 1)
	if pause := c.requests[1].Sub(c.requests[0]); pause < time.Second {
		t.Errorf("it came again after %s", pause)
	}
}

// Other statuses are final, and counted.
func TestRefused(t *testing.T) {
	for _, code := range []int{301, 400, 401, 404, 500} {
		var warned []string
		c := &collector{answer: status(code)}
		opt := options(start(t, c), spool.NewMemory(1<<20))
		opt.Warn = func(s string) { warned = append(warned, s) }
		s := otlphttp.Start(opt)
		put(s, 0, 10)
		if stats := s.Close(context.Background(), patience); stats != (otlphttp.Stats{Rejected: 10}) {
			t.Errorf("%d: %+v", code, stats)
		}
		if len(warned) == 0 || !strings.Contains(warned[0], fmt.Sprint(code)) {
			t.Errorf("%d: %q", code, warned)
		}
	}
}

func TestPartialSuccess(t *testing.T) {
	c := &collector{answer: func(_ int, texts []string, w http.ResponseWriter) bool {
		out, _ := proto.Marshal(&collogs.ExportLogsServiceResponse{PartialSuccess: &collogs.ExportLogsPartialSuccess{RejectedLogRecords: 1, ErrorMessage: "too old"}})
		_, _ = w.Write(out)
		return true
	}}
	var warned string
	opt := options(start(t, c), spool.NewMemory(1<<20))
	opt.Records, opt.Linger = 10, patience
	opt.Warn = func(s string) { warned += s }
	s := otlphttp.Start(opt)
	put(s, 0, 20)
	stats := s.Close(context.Background(), patience)
	if stats.Rejected != uint64(len(c.requests)) || stats.Sent+stats.Rejected != 20 || !strings.Contains(warned, "too old") {
		t.Errorf("%+v, %q", stats, warned)
	}
}

// What is too large goes in parts. A record that is too large by itself is refused.
func TestTooLarge(t *testing.T) {
	c := &collector{answer: func(_ int, texts []string, w http.ResponseWriter) bool {
		if len(texts) > 3 || slices.Contains(texts, "50") {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return false
		}
		return true
	}}
	s := otlphttp.Start(options(start(t, c), spool.NewMemory(1<<20)))
	put(s, 0, 100)
	stats := s.Close(context.Background(), patience)
	if stats.Rejected != 1 || stats.Sent != 99 || len(c.texts()) != 99 {
		t.Errorf("%+v", stats)
	}
}

// A collector that is killed and comes back gets all of it.
func TestKilledAndBack(t *testing.T) {
	c := &collector{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	server := &http.Server{Handler: c}
	go func() { _ = server.Serve(listener) }()
	disk, err := spool.OpenDisk(filepath.Join(t.TempDir(), "spool"), spool.MinSize)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	warned := make(chan string, 100)
	opt := options("http://"+address, disk)
	opt.Client = otlphttp.NewClient(&http.Transport{}, patience)
	opt.Warn = func(s string) { warned <- s }
	s := otlphttp.Start(opt)
	put(s, 0, 100)
	for len(c.texts()) < 100 {
		time.Sleep(time.Millisecond)
	}
	// not before its answers are read: else it gets those records twice
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(s, 100, 1000)
	if got := <-warned; !strings.Contains(got, "wait for it") {
		t.Error(got)
	}
	put(s, 1000, 2000)
	if listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	server = &http.Server{Handler: c}
	defer server.Close()
	go func() { _ = server.Serve(listener) }()
	stats := s.Close(context.Background(), patience)
	wholeAndInOrder(t, c.texts(), 2000)
	if stats.Sent != 2000 || stats.Overflowed+stats.Left+stats.Rejected != 0 || stats.Retries == 0 {
		t.Errorf("%+v", stats)
	}
	if got := <-warned; !strings.Contains(got, "back") {
		t.Error(got)
	}
}

// One that is too slow gets records twice, but each.
func TestSlow(t *testing.T) {
	release := make(chan struct{})
	c := &collector{answer: func(n int, _ []string, _ http.ResponseWriter) bool {
		if n <= 2 {
			<-release
		}
		return true
	}}
	url := start(t, c)
	defer close(release)
	opt := options(url, spool.NewMemory(1<<20))
	opt.Client = otlphttp.NewClient(&http.Transport{}, 200*time.Millisecond)
	s := otlphttp.Start(opt)
	put(s, 0, 100)
	if stats := s.Close(context.Background(), patience); stats.Sent != 100 || stats.Retries < 2 {
		t.Errorf("%+v", stats)
	}
	// a slow machine may make more answers late
	seen := make(map[string]bool)
	wholeAndInOrder(t, slices.DeleteFunc(c.texts(), func(text string) bool {
		again := seen[text]
		seen[text] = true
		return again
	}), 100)
}

// What does not fit is counted to the record, here and at the collector.
func TestOverflow(t *testing.T) {
	back := make(chan struct{})
	c := &collector{answer: func(_ int, _ []string, w http.ResponseWriter) bool {
		select {
		case <-back:
			return true
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		}
	}}
	disk, err := spool.OpenDisk(filepath.Join(t.TempDir(), "spool"), spool.MinSize)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	for name, queue := range map[string]spool.Queue{"memory": spool.NewMemory(100_000), "disk": disk} {
		c.got, back = nil, make(chan struct{})
		s := otlphttp.Start(options(start(t, c), queue))
		const sent = 50_000
		put(s, 0, sent)
		kept := queue.Len()
		close(back)
		for queue.Len() > 0 {
			time.Sleep(time.Millisecond)
		}
		s.Put(record("after"))
		stats := s.Close(context.Background(), patience)
		got := c.texts()
		var told uint64
		_, err := fmt.Sscanf(got[kept], "dropped %d", &told)
		if err != nil || told != stats.Overflowed || kept+told != sent || got[len(got)-1] != "after" || stats.Sent != kept+2 {
			t.Errorf("%s: kept %d, told %d, %+v, %v", name, kept, told, stats, err)
		}
		wholeAndInOrder(t, got[:kept], int(kept))
	}
}

// What was not delivered by the end is there for the next process.
func TestNextProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	away, c := &collector{answer: status(http.StatusServiceUnavailable)}, &collector{}
	urls := []string{start(t, away), start(t, c)}
	for part, url := range urls {
		disk, err := spool.OpenDisk(dir, spool.MinSize)
		if err != nil {
			t.Fatal(err)
		}
		s := otlphttp.Start(options(url, disk))
		put(s, part*100, part*100+100)
		wait := patience
		if part == 0 {
			wait = 0
		}
		stats := s.Close(context.Background(), wait)
		if part == 0 && stats.Left != 100 || part == 1 && stats.Sent != 200 {
			t.Errorf("part %d: %+v", part, stats)
		}
		disk.Close()
	}
	wholeAndInOrder(t, c.texts(), 200)
}

// Who reads a recording waits for the collector, but not for ever.
func TestPutWait(t *testing.T) {
	c := &collector{}
	s := otlphttp.Start(options(start(t, c), spool.NewMemory(2000)))
	for i := range 500 {
		if err := s.PutWait(context.Background(), record(fmt.Sprint(i)), patience); err != nil {
			t.Fatal(err)
		}
	}
	s.Close(context.Background(), patience)
	wholeAndInOrder(t, c.texts(), 500)

	away := &collector{answer: status(http.StatusServiceUnavailable)}
	s = otlphttp.Start(options(start(t, away), spool.NewMemory(2000)))
	var err error
	for i := 0; err == nil; i++ {
		err = s.PutWait(context.Background(), record(fmt.Sprint(i)), 100*time.Millisecond)
	}
	if !errors.Is(err, otlphttp.ErrAway) {
		t.Error(err)
	}
	if stats := s.Close(context.Background(), 0); stats.Left == 0 {
		t.Errorf("%+v", stats)
	}
}
