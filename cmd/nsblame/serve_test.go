package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	libcap "kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/bench/busynode"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/unraced"
)

// lasting is a recording as a live source: it goes on after its end, until it is ended.
type lasting struct {
	*recorded
	once sync.Once
	read chan struct{} // is closed at the end of the recording
}

// Needs implements source.
func (l *lasting) Needs() []libcap.Value { return nil }

// Next implements engine.Source.
func (l *lasting) Next(ctx context.Context) (event.Event, error) {
	for {
		ev, err := l.recorded.Next(l.ctx) //nolint:contextcheck // reading goes on to the end of the file
		if _, end := ev.Body.(*event.End); err == nil && end {
			continue
		}
		if errors.Is(err, io.EOF) {
			l.once.Do(func() { close(l.read) })
			<-ctx.Done()
		}
		return ev, err
	}
}

func newLasting(t *testing.T, name string) *lasting {
	t.Helper()
	l, err := openLasting(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func openLasting(ctx context.Context, name string) (*lasting, error) {
	r, err := openRecorded(context.WithoutCancel(ctx), []string{name}, false, nil, io.Discard)
	if err != nil {
		return nil, err
	}
	return &lasting{recorded: r, read: make(chan struct{})}, nil
}

// said is what an agent says, by any goroutine.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) has(part string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.text.String(), part)
}

// served is an agent that has read a recording.
type served struct {
	t      *testing.T
	agent  *agent
	web    *webSettings
	socket string
	ports  []string
	end    func() error
}

// serveRecording has an agent read a recording and answer on a socket and on what else
// is to be listened on. Port 0 stands for any.
func serveRecording(t *testing.T, name string, change func(*serveOptions)) *served {
	t.Helper()
	dir := t.TempDir()
	s := &served{t: t, socket: filepath.Join(dir, "run", "s.sock")}
	opt := &serveOptions{live: newPatientLiveFlags(), rotateSize: defaultServeSize, rotateFiles: 2}
	opt.listen = []string{"unix:" + s.socket, "127.0.0.1:0"}
	if change != nil {
		change(opt)
	}
	web, err := newWebSettings(opt)
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := web.open()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range listeners[1:] {
		s.ports = append(s.ports, l.Addr().String())
	}
	s.web = web
	src := newLasting(t, name)
	s.agent = newAgent(readVersion(), false)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.agent.serve(ctx, src, opt.recording(), listeners, web, func() error { return nil })
	}()
	s.end = sync.OnceValue(func() error {
		cancel()
		return join(<-ended, src.Close())
	})
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-src.read:
	case err := <-ended:
		t.Fatalf("it ended: %v", err)
	}
	// the last event may still be dealt with
	s.agent.mu.Lock()
	defer s.agent.mu.Unlock()
	return s
}

// get asks over the unix socket, or where a port is given there.
func (s *served) get(port, target string, change func(*http.Request)) (int, string, http.Header) {
	s.t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		network, where := "unix", s.socket
		if port != "" {
			network, where = "tcp", port
		}
		return (&net.Dialer{}).DialContext(ctx, network, where)
	}, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	scheme := "http"
	if strings.HasPrefix(target, "https") {
		scheme, target = "https", strings.TrimPrefix(target, "https")
	}
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, scheme+"://localhost"+target, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if change != nil {
		change(request)
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Header
}

// raw is what comes for bytes over the unix socket, until the other side has enough.
func (s *served) raw(text string) string {
	s.t.Helper()
	c, err := net.Dial("unix", s.socket)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		return "" // it was cut off
	}
	answer, _ := io.ReadAll(c) // likewise
	return string(answer)
}

const kubernetesExample = "../../examples/kubernetes.avro"

// An agent answers what its recording says, and by its end leaves no socket.
func TestServeAnswers(t *testing.T) {
	s := serveRecording(t, kubernetesExample, nil)
	code, body, header := s.get("", "/api/report", nil)
	var r findings.Report
	if err := json.Unmarshal([]byte(body), &r); code != 200 || err != nil || header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d, %v, %v: %.200s", code, header, err, body)
	}
	if len(r.Causes) == 0 || len(r.Causes[0].ID) != 16 || r.Selected == 0 || r.Whole {
		t.Errorf("%d causes, %d selected", len(r.Causes), r.Selected)
	}
	if code, body, header := s.get("", "/report", nil); code != 200 || !strings.Contains(body, "kubectl --namespace broken describe pod") || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		t.Errorf("%d, %v: %.200s", code, header, body)
	}
	if code, body, _ := s.get("", "/api/report?by=workload", nil); code != 200 || !strings.Contains(body, `"grouped"`) {
		t.Errorf("%d: %.200s", code, body)
	}
	code, body, header = s.get("", "/metrics", func(r *http.Request) { r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0") })
	var created float64
	ids := make(map[string]bool)
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, "nsblame_netns_creations_total{"); ok {
			var n float64
			_, after, _ := strings.Cut(rest, "\"} ")
			if _, err := fmt.Sscan(after, &n); err != nil {
				t.Errorf("%q: %v", line, err)
			}
			created += n
			_, id, _ := strings.Cut(line, `cause_id="`)
			ids[id[:16]] = true
		}
	}
	if code != 200 || uint64(created) != r.Selected-r.Failed || !strings.Contains(header.Get("Content-Type"), "openmetrics") || !strings.HasSuffix(body, "# EOF\n") {
		t.Errorf("%d, %v, %v created of %d", code, header, created, r.Selected)
	}
	found := false
	for _, c := range r.Causes {
		found = found || ids[c.ID]
	}
	if !found {
		t.Errorf("none of %v is a cause", ids)
	}
	for _, want := range []string{"process_resident_memory_bytes", `nsblame_http_requests_total{code="200",path="/report"} 1`, "nsblame_build_info{", `nsblame_lost_total{kind="creation"} 0`, `workload="broken/`} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(body, "\ngo_") {
		t.Error("the metrics have those of Go")
	}
	if code, body, _ := s.get("", "/healthz", nil); code != 200 || body != "ok\n" {
		t.Errorf("%d %q", code, body)
	}
	if err := s.end(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(s.socket)); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// Over a port without a token nobody reads command lines; nothing but what is listed is
// answered, and only to those who ask for this machine.
func TestServeRefuses(t *testing.T) {
	s := serveRecording(t, kubernetesExample, nil)
	port := s.ports[0]
	for _, tt := range []struct {
		port, target string
		change       func(*http.Request)
		code         int
	}{
		{port, "/metrics", nil, 200},
		{port, "/healthz", nil, 200},
		{port, "/", nil, 200},
		{port, "/report", nil, 403},
		{port, "/api/report", nil, 403},
		{port, "/metrics", func(r *http.Request) { r.Host = "evil.example" }, 421},
		{port, "/metrics", func(r *http.Request) { r.Host = "127.0.0.1.evil.example:9977" }, 421},
		{port, "/metrics", func(r *http.Request) { r.Host = "[::1]:9977" }, 200},
		{"", "/metrics", func(r *http.Request) { r.Host = "anything" }, 200},
		{"", "/metrics", func(r *http.Request) { r.Method = http.MethodPost }, 405},
		{"", "/debug/pprof/", nil, 404},
		{"", "/debug/vars", nil, 404},
		{"", "/api/report/../../etc/passwd", nil, 301},
		{"", "/api/report?by=nothing", nil, 400},
		{"", "/api/report?by=", nil, 400},
		{"", "/api/report?by=pod", nil, 400},
		{"", "/api/report?by=unit&by=unit", nil, 400},
		{"", "/api/report?by=unit&file=/etc/passwd", nil, 400},
		{"", "/api/report?file=/etc/passwd", nil, 400},
		{"", "/report?by=cause", nil, 200},
		{"", "/report?by=unit", nil, 200},
	} {
		code, body, header := s.get(tt.port, tt.target, func(r *http.Request) {
			if tt.change != nil {
				tt.change(r)
			}
			// what leads elsewhere is not followed
			r.Header.Set("Connection", "close")
		})
		if tt.code == 301 {
			if code != 404 { // to /etc/passwd, where nothing is
				t.Errorf("%s: %d", tt.target, code)
			}
			continue
		}
		if code != tt.code {
			t.Errorf("%s: %d, want %d: %.100s", tt.target, code, tt.code, body)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", tt.target, header)
		}
	}
	if answer := s.raw("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 64<<10)); strings.Contains(answer, " 200 ") {
		t.Errorf("a header without an end: %s", answer)
	}
	info, err := os.Stat(s.socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// With a token and TLS the report is answered over a port to who shows the token.
func TestServeToken(t *testing.T) {
	const token = "0123456789abcdef"
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := certificate(t, dir)
	s := serveRecording(t, kubernetesExample, func(o *serveOptions) {
		o.tokenFile, o.tlsCert, o.tlsKey = file, cert, key
		o.listen = append(o.listen, "0.0.0.0:0")
	})
	for _, port := range s.ports {
		for shown, want := range map[string]int{"": 401, "Bearer " + token: 200, "Bearer x": 401, token: 401, "Basic " + token: 401, "Bearer " + token + "x": 401} {
			for _, target := range []string{"/report", "/metrics"} {
				code, body, header := s.get(port, "https"+target, func(r *http.Request) {
					if shown != "" {
						r.Header.Set("Authorization", shown)
					}
				})
				if code != want || strings.Contains(body, token) || (code == 401) != (header.Get("WWW-Authenticate") != "") {
					t.Errorf("%s with %q: %d, %v", target, shown, code, header)
				}
			}
		}
		if code, _, _ := s.get(port, "https/healthz", nil); code != 200 {
			t.Errorf("healthz: %d", code)
		}
	}
}

// certificate writes one and its key.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	head := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, head, head, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// An address that others can reach takes both; a token must be one, and a secret.
func TestServeAddresses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good := write("good", "0123456789abcdef", 0o600)
	cert, key := certificate(t, dir)
	for _, tt := range []struct {
		listen, token, cert, key string
		want                     error
		bad                      bool // crypto/tls says why
	}{
		{listen: "127.0.0.1:1"},
		{listen: "[::1]:1"},
		{listen: "localhost:1"},
		{listen: "127.9.9.9:1"},
		{listen: "unix:/run/x"},
		{listen: "0.0.0.0:1", want: errNotLocal},
		{listen: ":1", want: errNotLocal},
		{listen: "[::]:1", want: errNotLocal},
		{listen: "192.0.2.1:1", want: errNotLocal},
		{listen: "node.example:1", want: errNotLocal},
		{listen: "localhost.example:1", want: errNotLocal},
		{listen: "0.0.0.0:1", token: good, want: errNotLocal},
		{listen: "0.0.0.0:1", cert: cert, key: key, want: errNotLocal},
		{listen: "0.0.0.0:1", token: good, cert: cert, key: key},
		{listen: "127.0.0.1:1", cert: cert, want: errTLSPair},
		{listen: "127.0.0.1:1", key: key, want: errTLSPair},
		{listen: "unix:run/x", want: errSocketPath},
		{listen: "unix:", want: errSocketPath},
		{listen: "unix:/" + strings.Repeat("x", 100), want: errSocketPath},
		{listen: "127.0.0.1", want: errAddress},
		{listen: "", want: errAddress},
		{listen: "127.0.0.1:", want: errAddress},
		{listen: "127.0.0.1:99999", want: errAddress},
		{listen: "127.0.0.1:1", token: write("open", "0123456789abcdef", 0o604), want: errTokenOpen},
		{listen: "127.0.0.1:1", token: write("short", "0123456789abcde", 0o600), want: errTokenText},
		{listen: "127.0.0.1:1", token: write("long", strings.Repeat("x", 600), 0o600), want: errTokenText},
		{listen: "127.0.0.1:1", token: write("blank", "0123456789 abcdef", 0o600), want: errTokenText},
		{listen: "127.0.0.1:1", token: write("two", "0123456789abcdef\nx", 0o600), want: errTokenText},
		{listen: "127.0.0.1:1", token: filepath.Join(dir, "none"), want: os.ErrNotExist},
		{listen: "127.0.0.1:1", cert: good, key: key, bad: true},
	} {
		_, err := newWebSettings(&serveOptions{listen: []string{tt.listen}, tokenFile: tt.token, tlsCert: tt.cert, tlsKey: tt.key})
		if tt.bad == (err == nil) && tt.want == nil || !tt.bad && !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// A socket that was left behind is replaced; one that is in use, or a file, is not.
func TestServeSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run", "s")
	first, err := openSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openSocket(path); !errors.Is(err, errServed) {
		t.Error(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := openSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openSocket(file); !errors.Is(err, errNotSocket) {
		t.Error(err)
	}
}

// A report is computed by one, for all who ask within some seconds, and too many are sent
// away.
func TestServeReportsOnce(t *testing.T) {
	s := serveRecording(t, kubernetesExample, nil)
	now := time.Now()
	s.agent.now = func() time.Time { return now }
	count := func() string {
		_, body, _ := s.get("", "/metrics", nil)
		_, after, _ := strings.Cut(body, "\nnsblame_reports_computed_total ")
		n, _, _ := strings.Cut(after, "\n")
		return n
	}
	var wait sync.WaitGroup
	for range reportWaiters {
		wait.Go(func() { s.get("", "/report", nil) })
	}
	wait.Wait()
	if n := count(); n != "1" {
		t.Errorf("%s were computed", n)
	}
	s.get("", "/report?by=unit", nil)
	now = now.Add(reportAge)
	s.get("", "/report", nil)
	if n := count(); n != "3" || len(s.agent.answers) != 1 {
		t.Errorf("%s were computed, %d are kept", n, len(s.agent.answers))
	}
	s.agent.computing.Lock()
	for range reportWaiters {
		wait.Go(func() { s.get("", "/report", nil) })
	}
	for len(s.agent.waiting) < reportWaiters {
		time.Sleep(time.Millisecond)
	}
	code, _, header := s.get("", "/report", nil)
	s.agent.computing.Unlock()
	wait.Wait()
	if code != 503 || header.Get("Retry-After") == "" {
		t.Errorf("%d, %v", code, header)
	}
}

// serve records what it sees, keeps so many files of all its runs, and touches no others.
func TestServeRecords(t *testing.T) {
	dir := t.TempDir()
	others := []string{"netns.avro", "serve-20260101T000000Z.avro", "serve-x-000001.avro"}
	for _, name := range append(others, "serve-20260101T000000Z-000001.avro", "serve-20260101T000000Z-000002.avro", "serve-20250101T000000Z-000001.avro") {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := serveRecording(t, kubernetesExample, func(o *serveOptions) { o.recordDir, o.rotateFiles = dir, 2 })
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.avro"))
	if err != nil || len(names) != len(others)+2 {
		t.Fatalf("%q, %v", names, err)
	}
	for _, name := range append(others, "serve-20260101T000000Z-000002.avro") {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	kept, err := earlier(filepath.Join(dir, "x"))
	if err != nil || len(kept) != 2 {
		t.Fatalf("%q, %v", kept, err)
	}
	text, _ := answerOf(t, []string{"report", kept[1]})
	if !bytes.Contains(text, []byte("broken/job-node1")) {
		t.Errorf("%s", text)
	}
}

// What redact hides is in no answer, with a recording or without.
func TestServeRedacts(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s := serveRecording(t, kubernetesExample, func(o *serveOptions) {
			o.recordDir = dir
			if err := o.redact.Set("all"); err != nil {
				t.Fatal(err)
			}
		})
		for _, target := range []string{"/report", "/api/report", "/metrics"} {
			if _, body, _ := s.get("", target, nil); strings.Contains(body, "job-node1") || strings.Contains(body, "broken/") {
				t.Errorf("%s has a name of a pod", target)
			}
		}
	}
}

// A source that fails ends the agent, which says so.
func TestServeFails(t *testing.T) {
	a := newAgent(readVersion(), false)
	web, err := newWebSettings(&serveOptions{listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := web.open()
	if err != nil {
		t.Fatal(err)
	}
	wrong := errors.New("it broke")
	src := newLasting(t, kubernetesExample)
	if err := a.serve(t.Context(), src, recordTarget{}, listeners, web, func() error { return wrong }); !errors.Is(err, wrong) {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", listeners[0].Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

// serveMemory is what an agent may take.
const serveMemory = 64 << 20

// As a process, serve says when it is ready, takes little memory on a busy node, and ends
// in good order by a signal.
func TestServeProcess(t *testing.T) {
	const creations = 20_000
	busy := filepath.Join(t.TempDir(), "busy.avro")
	writeBusy(t, busy, busynode.Of(creations))
	dir := t.TempDir()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, socket: filepath.Join(dir, "s")}
	cmd := exec.Command(self, "serve", "--listen", "unix:"+s.socket)
	cmd.Args[0] = "nsblame-fake"
	cmd.Env = append(os.Environ(), "FAKE_FILE="+busy, "NOTIFY_SOCKET="+notify.LocalAddr().String(), "NSBLAME_RECORD_DIR="+filepath.Join(dir, "kept"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	said := make([]byte, 64)
	n, err := notify.Read(said)
	if err != nil || string(said[:n]) != "READY=1" {
		t.Fatalf("%q, %v", said[:n], err)
	}
	metric := func(name string) (sum float64) {
		_, body, _ := s.get("", "/metrics", nil)
		for line := range strings.Lines(body) {
			fields := strings.Fields(line)
			if head, _, _ := strings.Cut(line, "{"); head == name || len(fields) > 0 && fields[0] == name {
				var v float64
				if _, err := fmt.Sscan(fields[len(fields)-1], &v); err != nil {
					t.Fatal(err)
				}
				sum += v
			}
		}
		return sum
	}
	until(t, "end of what happens", func() bool { return metric("nsblame_netns_creations_total") == creations })
	for _, target := range []string{"/report", "/api/report", "/api/report?by=workload"} {
		code, body, _ := s.get("", target, nil)
		t.Logf("%s: %d, %d KiB", target, code, len(body)>>10)
	}
	rss := metric("process_resident_memory_bytes")
	t.Logf("%.1f MiB are resident, %.0f bytes recorded", rss/(1<<20), metric("nsblame_recorded_bytes_total"))
	if rss == 0 || rss > serveMemory && !unraced.Raced {
		t.Errorf("%.1f MiB are resident", rss/(1<<20))
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr.String())
	}
	files, err := filepath.Glob(filepath.Join(dir, "kept", "serve-*.avro"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v: %s", files, err, stderr.String())
	}
	if text, _ := answerOf(t, []string{"report", files[0]}); !bytes.Contains(text, []byte("payments/ledger-0")) {
		t.Errorf("%s", text)
	}
}

// An agent in an image without curl is asked by nsblame itself.
func TestServeIsAsked(t *testing.T) {
	s := serveRecording(t, kubernetesExample, nil)
	ask := func(path, listen string) (string, error) {
		var out bytes.Buffer
		f := askFlag{path}
		err := f.ask(t.Context(), []string{"127.0.0.1:1", listen}, &out)
		return out.String(), err
	}
	if text, err := ask("/healthz", "unix:"+s.socket); text != "ok\n" || err != nil {
		t.Errorf("healthz: %q, %v", text, err)
	}
	text, err := ask("/api/report", "unix:"+s.socket)
	if err != nil || !strings.Contains(text, `"type":"report"`) {
		t.Errorf("report: %.100q, %v", text, err)
	}
	if _, err := ask("/healthz", "127.0.0.1:2"); !errors.Is(err, errAskNone) {
		t.Errorf("without a socket: %v", err)
	}
	if _, err := ask("/healthz", "unix:"+s.socket+"x"); err == nil {
		t.Error("nobody answers, and it is no error")
	}
	s.agent.health.Store(healthEnded)
	var refused *refusedError
	if _, err := ask("/healthz", "unix:"+s.socket); !errors.As(err, &refused) {
		t.Errorf("of an agent that has ended: %v", err)
	}
	for path, want := range map[string]error{"/healthz": nil, "/api/report": nil, "/debug/pprof": errAskPath, "": errAskPath} {
		if err := (&askFlag{path}).check(); !errors.Is(err, want) {
			t.Errorf("%q: %v", path, err)
		}
	}
}
