package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nsblame/nsblame/internal/present/render"
)

const (
	// askTimeout bounds the wait for an agent's answer. A report may take some seconds.
	askTimeout = 30 * time.Second
	// maxRefusal bounds what is repeated of an agent's answer that is no success.
	maxRefusal = 200
)

var (
	errAskPath = errors.New("--ask takes /metrics, /healthz, /report or /api/report")
	errAskNone = errors.New("--ask: the agent listens on no unix socket, see --listen")
)

// askFlag is what an agent that runs is asked for.
type askFlag struct{ path string }

func (f *askFlag) check() error {
	if !slices.ContainsFunc((&agent{}).endpoints(), func(e endpoint) bool { return e.path == f.path }) {
		return errAskPath
	}
	return nil
}

// ask asks the agent that listens on the first unix socket of a list, and writes its
// answer.
func (f *askFlag) ask(ctx context.Context, listen []string, w io.Writer) error {
	socket := ""
	for _, address := range slices.Backward(listen) {
		if path, ok := strings.CutPrefix(address, "unix:"); ok {
			socket = path
		}
	}
	if socket == "" {
		return errAskNone
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+f.path, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the agent at %s, does nsblame serve run: %w", socket, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
		return &refusedError{answer.Status, strings.TrimSpace(string(text))}
	}
	_, err = io.Copy(w, answer.Body)
	return err
}

// refusedError is an agent's answer that is no success.
type refusedError struct{ status, text string }

func (e *refusedError) Error() string {
	return "the agent answers " + render.Sentence(e.status) + ": " + render.Sentence(e.text)
}
