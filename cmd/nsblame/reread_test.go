package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log" //nolint:depguard // net/http takes a logger
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// attentive has files looked at each time.
func attentive(t *testing.T) {
	t.Helper()
	before := rereadAfter
	rereadAfter = 0
	t.Cleanup(func() { rereadAfter = before })
}

// replace puts a file in the place of another one, at once.
func replace(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// A token and certificates that change are those of the next request. What is wrong with
// them leaves the former in force.
func TestServeReadsAgain(t *testing.T) {
	attentive(t)
	dir := t.TempDir()
	const old, now = "0123456789abcdef", "fedcba9876543210"
	token := filepath.Join(dir, "token")
	replace(t, token, old)
	cert, key := certificate(t, dir)
	log := &said{}
	s := serveRecording(t, kubernetesExample, func(o *serveOptions) { o.tokenFile, o.tlsCert, o.tlsKey = token, cert, key })
	s.web.say(log)
	asked := func(token string) int {
		code, _, _ := s.get(s.ports[0], "https/metrics", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
		return code
	}
	want := func(what string, oldCode, newCode int) {
		t.Helper()
		if got := [2]int{asked(old), asked(now)}; got != [2]int{oldCode, newCode} {
			t.Errorf("%s: %v", what, got)
		}
	}
	want("at first", 200, 401)
	replace(t, token, "short")
	want("with one that is none", 200, 401)
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	want("without a file", 200, 401)
	replace(t, token, now)
	want("with another one", 401, 200)
	if !log.has("a token has 16 to 512 visible characters") || !log.has("--token-file: read again") || log.has(now) {
		t.Errorf("%s", &log.text)
	}

	serial := func() string {
		c, err := tls.Dial("tcp", s.ports[0], &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return string(c.ConnectionState().PeerCertificates[0].Signature)
	}
	first := serial()
	other := t.TempDir()
	newCert, newKey := certificate(t, other)
	if err := os.Rename(newCert, cert); err != nil {
		t.Fatal(err)
	}
	if serial() != first {
		t.Error("certificates without their key are in force")
	}
	if err := os.Rename(newKey, key); err != nil {
		t.Fatal(err)
	}
	if serial() == first {
		t.Error("the former certificates are still in force")
	}
	if !log.has("--tls-cert: read again") || !log.has("stays in force") {
		t.Errorf("%s", &log.text)
	}
}

// The headers for a collector are those of the file as it is by then.
func TestHeadersAreReadAgain(t *testing.T) {
	attentive(t)
	c := newFakeCollector(t)
	file := filepath.Join(t.TempDir(), "headers")
	replace(t, file, "Authorization: Bearer old\n")
	f := otlpFlags{to: c.URL, headers: file, spoolSize: defaultSpoolSize}
	log := &said{}
	opt, err := f.options(log)
	if err != nil {
		t.Fatal(err)
	}
	if got := opt.Headers().Get("Authorization"); got != "Bearer old" {
		t.Errorf("at first %q", got)
	}
	replace(t, file, "Authorization: Bearer new\n")
	if got := opt.Headers().Get("Authorization"); got != "Bearer new" {
		t.Errorf("then %q", got)
	}
	replace(t, file, "no header\n")
	if got := opt.Headers().Get("Authorization"); got != "Bearer new" || !log.has("not of the form Name: value") {
		t.Errorf("a wrong file: %q, %s", got, &log.text)
	}
	if len(opt.Header) != 0 {
		t.Errorf("headers of no file: %v", opt.Header)
	}
}

// The authorities that a collector is trusted by are those of the file as it is by then.
func TestAuthoritiesAreReadAgain(t *testing.T) {
	attentive(t)
	collector := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	collector.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes
	dir := t.TempDir()
	other, _ := certificate(t, dir)
	wrong, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	right := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: collector.Certificate().Raw}))
	file := filepath.Join(dir, "authorities")
	replace(t, file, string(wrong))
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", file)
	f := otlpFlags{to: "env", spoolSize: defaultSpoolSize}
	log := &said{}
	opt, err := f.options(log)
	if err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		resp, err := opt.Client.Get(opt.URL)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	var unknown x509.UnknownAuthorityError
	if err := ask(); !errors.As(err, &unknown) {
		t.Errorf("of another authority: %v", err)
	}
	replace(t, file, right)
	if err := ask(); err != nil {
		t.Errorf("of the one that is trusted by now: %v", err)
	}
	replace(t, file, "no certificate\n")
	if err := ask(); err != nil || !log.has("no certificate in PEM") {
		t.Errorf("a wrong file: %v, %s", err, &log.text)
	}
	replace(t, file, string(wrong))
	if err := ask(); !errors.As(err, &unknown) {
		t.Errorf("of one that is trusted no more: %v", err)
	}
	replace(t, file, "no certificate\n")
	if _, err := f.options(log); !errors.Is(err, errNoCertificate) {
		t.Errorf("at the start: %v", err)
	}
}

// Files are looked at once in a while, and what is wrong is said once.
func TestRereadIsSparing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	replace(t, file, "1")
	reads, broken := 0, errors.New("broken")
	var wrong error
	r, err := newReread("--flag", func() (int, error) { reads++; return reads, wrong }, file)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, file, "22")
	if n := r.get(); n != 2 {
		t.Errorf("%d after a change", n)
	}
	replace(t, file, "333")
	before := rereadAfter
	rereadAfter = time.Hour
	t.Cleanup(func() { rereadAfter = before })
	if n := r.get(); n != 2 {
		t.Errorf("%d at once", n)
	}
	rereadAfter = 0
	log := &said{}
	r.said, wrong = log, broken
	for range 3 {
		if n := r.get(); n != 2 {
			t.Errorf("%d of a broken file", n)
		}
	}
	if got := log.text.String(); got != "nsblame: --flag: broken; what was read before stays in force\n" || reads != 5 {
		t.Errorf("%q after %d", got, reads)
	}
	if _, err := newReread("--flag", func() (int, error) { return 0, nil }, file+"x"); err == nil {
		t.Error("a file that is not there is accepted")
	}
}
