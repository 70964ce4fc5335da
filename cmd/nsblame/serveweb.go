package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log" //nolint:depguard // net/http takes a logger
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/net/netutil"
)

// Bounds of what a client may take.
const (
	webHeaderTime  = 5 * time.Second
	webReadTime    = 10 * time.Second
	webWriteTime   = 30 * time.Second
	webIdleTime    = 60 * time.Second
	webHeaderBytes = 8 << 10
	// webConnections is how many connections each address has at once.
	webConnections = 32
	// webEndTime is how long requests have when the agent ends.
	webEndTime = 2 * time.Second
)

// webSettings say where and to whom is answered.
type webSettings struct {
	addresses []address
	// token is the digest of what a client must show, nil for nothing.
	token *reread[[sha256.Size]byte]
	// pair are the certificates and the key, nil for none.
	pair *reread[*tls.Certificate]
}

// asks reports whether a client of a port must show a token.
func (s *webSettings) asks() bool { return s.token != nil }

// say has somebody told what is wrong with files later.
func (s *webSettings) say(to io.Writer) {
	if s.token != nil {
		s.token.said = to
	}
	if s.pair != nil {
		s.pair.said = to
	}
}

// tls is the configuration for ports. Each connection has the certificates of its time.
func (s *webSettings) tls() *tls.Config {
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.pair.get(), nil }
	return &tls.Config{GetCertificate: get, MinVersion: tls.VersionTLS12}
}

// address is one to listen on.
type address struct {
	network, where string
	// name is as it was given.
	name string
}

// listener is one that listens.
type listener struct {
	net.Listener
	address
}

var (
	errAddress    = errors.New("neither unix:PATH nor HOST:PORT")
	errSocketPath = errors.New("the path of a socket must be absolute, and 90 bytes long at most")
	errNotLocal   = errors.New("others can reach it: give --token-file, --tls-cert and --tls-key, or listen on 127.0.0.1, ::1 or a unix socket")
	errTLSPair    = errors.New("--tls-cert and --tls-key go together")
	errTokenOpen  = errors.New("every user may read it: chmod 600")
	errTokenText  = errors.New("a token has 16 to 512 visible characters, without blanks")
	errNotSocket  = errors.New("it exists and is no socket")
	errServed     = errors.New("somebody answers there already")
)

// newWebSettings reads and checks what the settings name.
func newWebSettings(o *serveOptions) (*webSettings, error) {
	s := &webSettings{}
	if o.tokenFile != "" {
		read := func() ([sha256.Size]byte, error) { return readToken(o.tokenFile) }
		var err error
		if s.token, err = newReread("--token-file", read, o.tokenFile); err != nil {
			return nil, fmt.Errorf("--token-file %q: %w", o.tokenFile, unwrapPath(err))
		}
	}
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return nil, errTLSPair
	}
	if o.tlsCert != "" {
		read := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
			return &pair, err
		}
		var err error
		if s.pair, err = newReread("--tls-cert", read, o.tlsCert, o.tlsKey); err != nil {
			return nil, fmt.Errorf("--tls-cert %q, --tls-key %q: %w", o.tlsCert, o.tlsKey, err)
		}
	}
	for _, text := range o.listen {
		a, err := parseAddress(text)
		if err == nil && a.network == "tcp" && !isLoopback(a.where) && (!s.asks() || s.pair == nil) {
			err = errNotLocal
		}
		if err != nil {
			return nil, fmt.Errorf("--listen %q: %w", text, err)
		}
		s.addresses = append(s.addresses, a)
	}
	return s, nil
}

// maxSocketPath is less than what fits into the address of a unix socket, which has another
// directory in it at first.
const maxSocketPath = 90

func parseAddress(text string) (address, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if !filepath.IsAbs(path) || len(path) > maxSocketPath {
			return address{}, errSocketPath
		}
		return address{"unix", filepath.Clean(path), text}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || port == "" {
		return address{}, errAddress
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return address{}, errAddress
	}
	return address{"tcp", net.JoinHostPort(host, port), text}, nil
}

// isLoopback reports whether nobody but this machine can reach an address. Names other
// than localhost are not looked up: what they stand for can change.
func isLoopback(where string) bool {
	host, _, err := net.SplitHostPort(where)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// The bounds of a token.
const minToken, maxToken = 16, 512

// readToken reads the secret of a file, and returns its digest.
func readToken(name string) (digest [sha256.Size]byte, err error) {
	file, err := os.Open(name)
	if err != nil {
		return digest, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return digest, err
	}
	if info.Mode().Perm()&0o007 != 0 && runtime.GOOS != "windows" {
		return digest, errTokenOpen
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxToken+3))
	if err != nil {
		return digest, err
	}
	token := strings.TrimRight(string(raw), "\r\n")
	if len(token) < minToken || len(token) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return digest, errTokenText
	}
	return sha256.Sum256([]byte(token)), nil
}

// open listens on all addresses, or on none.
func (s *webSettings) open() ([]listener, error) {
	var list []listener
	for _, a := range s.addresses {
		l, err := a.open()
		if err != nil {
			for _, open := range list {
				_ = open.Close() // the first error matters
			}
			return nil, fmt.Errorf("--listen %q: %w", a.name, err)
		}
		if a.network == "tcp" && s.pair != nil {
			l = tls.NewListener(l, s.tls())
		}
		list = append(list, listener{l, a})
	}
	return list, nil
}

func (a address) open() (net.Listener, error) {
	if a.network == "unix" {
		return openSocket(a.where)
	}
	l, err := net.Listen(a.network, a.where)
	if err != nil {
		return nil, unwrapListen(err)
	}
	if !isLoopback(a.where) {
		return netutil.LimitListener(l, webConnections), nil
	}
	// localhost can be made to stand for another machine
	if tcp, ok := l.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return nil, join(errNotLocal, l.Close())
	}
	return netutil.LimitListener(l, webConnections), nil
}

// openSocket listens on a unix socket that only the own user may connect to. One that was
// left behind is replaced.
func openSocket(path string) (net.Listener, error) {
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("its directory: %w", unwrapPath(err))
	}
	if err := clearSocket(path); err != nil {
		return nil, err
	}
	l, err := listenPrivately(path)
	if err != nil {
		return nil, unwrapListen(err)
	}
	return netutil.LimitListener(l, webConnections), nil
}

// socket is a unix socket that was moved to its path.
type socket struct {
	*net.UnixListener
	path string
}

// Close also removes the socket.
func (s socket) Close() error {
	err := s.UnixListener.Close()
	if gone := os.Remove(s.path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = join(err, unwrapPath(gone))
	}
	return err
}

// listenPrivately makes a socket where nobody else can get at it, and moves it to its path
// once it is closed to others.
func listenPrivately(path string) (_ net.Listener, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".new")
	if err != nil {
		return nil, unwrapPath(err)
	}
	defer func() { err = join(err, unwrapPath(os.RemoveAll(dir))) }()
	made := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		return nil, join(unwrapPath(err), l.Close())
	}
	return socket{l, path}, nil
}

// clearSocket removes a socket that nobody listens on.
func clearSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return unwrapPath(err)
	case info.Mode().Type() != fs.ModeSocket:
		return errNotSocket
	}
	if c, err := net.DialTimeout("unix", path, webHeaderTime); err == nil {
		return join(errServed, c.Close())
	}
	return unwrapPath(os.Remove(path))
}

// unwrapListen drops the address from the error, which names it a second time.
func unwrapListen(err error) error {
	var named *net.OpError
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}

// answer answers on all listeners until end is called, also when ctx is done before. stop
// is called if a listener fails.
func (a *agent) answer(ctx context.Context, listeners []listener, web *webSettings, stop func()) (end func() error) {
	failed := make(chan error, len(listeners))
	var servers []*http.Server
	for _, l := range listeners {
		server := &http.Server{
			Handler:           a.handler(web, l.address),
			ReadHeaderTimeout: webHeaderTime, ReadTimeout: webReadTime, WriteTimeout: webWriteTime, IdleTimeout: webIdleTime,
			MaxHeaderBytes: webHeaderBytes, ErrorLog: log.New(io.Discard, "", 0), // what clients do wrong
			Protocols: &http.Protocols{},
		}
		server.Protocols.SetHTTP1(true)
		servers = append(servers, server)
		go func() {
			err := server.Serve(l.Listener)
			if errors.Is(err, http.ErrServerClosed) {
				err = nil
			} else {
				err = fmt.Errorf("answer on %q: %w", l.name, err)
				stop()
			}
			failed <- err
		}()
	}
	return func() (err error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), webEndTime)
		defer cancel()
		for _, s := range servers {
			if s.Shutdown(ctx) != nil {
				_ = s.Close() // who reads slowly is cut off
			}
		}
		for range servers {
			err = join(err, <-failed)
		}
		return err
	}
}

// handler answers what may be asked at an address.
func (a *agent) handler(web *webSettings, at address) http.Handler {
	mux := http.NewServeMux()
	index := "nsblame answers here:\n"
	for _, e := range a.endpoints() {
		h := e.handler
		switch {
		case at.network == "unix":
		case e.private && !web.asks():
			h = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "over a port it takes a token, which this agent has not: see --token-file, or use its unix socket", http.StatusForbidden)
			})
		case web.asks() && !e.open:
			h = web.asking(h)
		}
		mux.Handle("GET "+e.path, a.counted(e.path, h))
		index += "  " + e.path + "\n"
	}
	mux.Handle("GET /{$}", a.counted("/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, index)
	})))
	all := a.unknownCounted(mux)
	if at.network == "tcp" && isLoopback(at.where) {
		all = a.onlyLocal(all)
	}
	return withHeaders(all)
}

// onlyLocal answers only those who asked for this machine. A page in a browser can have a
// name of its own stand for it.
func (a *agent) onlyLocal(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !isLoopback(net.JoinHostPort(strings.Trim(host, "[]"), "0")) {
			a.metrics.Requested(otherPath, http.StatusMisdirectedRequest)
			http.Error(w, "ask for localhost", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// asking answers who shows the token.
func (s *webSettings) asking(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		shown, want := sha256.Sum256([]byte(token)), s.token.get()
		if !ok || subtle.ConstantTimeCompare(shown[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="nsblame"`)
			http.Error(w, "it takes the token", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// withHeaders forbids a browser to keep what it gets, or to take it for something else.
func withHeaders(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("X-Frame-Options", "DENY")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		h.ServeHTTP(w, r)
	})
}

// otherPath stands for every path where nothing is.
const otherPath = "other"

// counted counts the requests for a path.
func (a *agent) counted(path string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &coded{ResponseWriter: w, code: http.StatusOK}
		defer func() { a.metrics.Requested(path, seen.code) }()
		h.ServeHTTP(seen, r)
	})
}

// unknownCounted counts the requests that lead nowhere.
func (a *agent) unknownCounted(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			a.counted(otherPath, mux).ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// coded remembers the status code of an answer.
type coded struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (c *coded) WriteHeader(code int) {
	c.code = code
	c.ResponseWriter.WriteHeader(code)
}
