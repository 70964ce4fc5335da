package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
)

// errNoCertificate says that a file of trusted certificates has none.
var errNoCertificate = errors.New("it has no certificate in PEM; name the file of the authority that the collector's is from")

// trusting sends requests to who has a certificate of an authority in a file, as of now.
type trusting struct {
	now  *reread[*http.Transport]
	last atomic.Pointer[http.Transport]
}

func newTrusting(name string, stderr io.Writer) (*trusting, error) {
	now, err := newReread("--otlp env", func() (*http.Transport, error) { return trustingOnly(name) }, name)
	if err != nil {
		return nil, err
	}
	now.said = stderr
	return &trusting{now: now}, nil
}

func trustingOnly(name string) (*http.Transport, error) {
	pem, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%q: %w", name, errNoCertificate)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	return transport, nil
}

// RoundTrip implements http.RoundTripper. Connections that were made with former
// authorities are closed once they are idle.
func (t *trusting) RoundTrip(req *http.Request) (*http.Response, error) {
	now := t.now.get()
	if last := t.last.Swap(now); last != nil && last != now {
		last.CloseIdleConnections()
	}
	return now.RoundTrip(req)
}
