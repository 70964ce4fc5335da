package enginewire

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
)

// ErrUnclear is returned for a request that may make something run or not: its line is
// cut, or has no form that a client gives it.
var ErrUnclear = errors.New("the request cannot be read")

// HTTP reads the beginning of a request of HTTP/1.1. It returns false if that makes
// nothing run, and ErrUnclear if that cannot be said.
func HTTP(data []byte) (Request, bool, error) {
	line, rest, whole := bytes.Cut(data, []byte("\r\n"))
	method, rest2, _ := strings.Cut(string(line), " ")
	target, version, spaced := strings.Cut(rest2, " ")
	if !whole || !spaced || !strings.HasPrefix(version, "HTTP/1.") {
		return Request{}, false, ErrUnclear
	}
	path, query, _ := strings.Cut(target, "?")
	parts, ok := segments(path)
	if !ok {
		return Request{}, false, ErrUnclear
	}
	var r Request
	switch method {
	case "POST":
		r, ok = post(parts, query, rest)
	case "PUT":
		r, ok = put(parts, rest)
	default:
		return Request{}, false, nil
	}
	if !ok {
		return Request{}, false, nil
	}
	if len(r.Container) > maxName {
		return Request{}, false, ErrUnclear // no engine has such a name
	}
	return r, true, nil
}

// segments takes a path apart, without the version of docker's API that it may begin
// with, and without that of podman's.
func segments(path string) ([]string, bool) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return nil, false
		}
		parts[i] = plain
	}
	if len(parts[0]) > 1 && parts[0][0] == 'v' && parts[0][1] >= '0' && parts[0][1] <= '9' {
		parts = parts[1:]
	}
	if len(parts) > 0 && parts[0] == "libpod" {
		parts = parts[1:]
	}
	return parts, true
}

// post reads a POST of docker's API (docs.docker.com/reference/api/engine), of podman's,
// or of LXD's and Incus's.
func post(parts []string, query string, rest []byte) (Request, bool) {
	switch {
	case len(parts) == 1 && (parts[0] == "build" || parts[0] == "session" || parts[0] == "grpc"):
		return Request{Call: event.EngineBuild}, true
	case len(parts) == 2 && parts[0] == "containers" && parts[1] == "create":
		name, readable := queried(query, "name")
		return Request{Call: event.EngineCreate, Container: name, Cut: !readable}, true
	case len(parts) == 3 && parts[0] == "containers" && parts[1] != "" && parts[2] == "start":
		return Request{Call: event.EngineStart, Container: parts[1]}, true
	case len(parts) == 3 && parts[0] == "containers" && parts[1] != "" && parts[2] == "restart":
		return Request{Call: event.EngineRestart, Container: parts[1]}, true
	case len(parts) == 2 && isInstances(parts):
		return createInstance(rest), true
	default:
		return Request{}, false
	}
}

// createInstance reads the body of a request for an instance. It is to be started too if
// that says so ("incus launch"), and may be if the end of the body was not captured.
func createInstance(rest []byte) Request {
	fields, whole := bodyFields(rest, "name", "start")
	name, _ := fields["name"].(string)
	r := Request{Call: event.EngineCreate, Container: name, Cut: name == "" && !whole}
	if start, _ := fields["start"].(bool); start {
		r.Call = event.EngineStart
	} else if !whole && name != "" {
		r.Call, r.Cut = event.EngineStart, true
	}
	return r
}

// put reads a PUT of LXD's and Incus's API (doc/rest-api.yaml), which tells an instance to
// start in the body.
func put(parts []string, rest []byte) (Request, bool) {
	if len(parts) != 4 || !isInstances(parts) || parts[2] == "" || parts[3] != "state" {
		return Request{}, false
	}
	action, found := bodyField(rest, "action")
	r := Request{Call: event.EngineStart, Container: parts[2], Cut: !found}
	switch {
	case !found || action == "start":
		return r, true
	case action == "restart":
		r.Call = event.EngineRestart
		return r, true
	default:
		return Request{}, false
	}
}

func isInstances(parts []string) bool {
	return parts[0] == "1.0" && (parts[1] == "instances" || parts[1] == "containers" || parts[1] == "virtual-machines")
}

// queried returns the value of a key in a query, empty if it has none. It returns false
// if the query cannot be read.
func queried(query, key string) (string, bool) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", false
	}
	return values.Get(key), true
}

// bodyField returns a string at the top of the object in a body that follows the rest of
// the headers. It returns false if it was not captured.
func bodyField(rest []byte, key string) (string, bool) {
	fields, _ := bodyFields(rest, key)
	text, ok := fields[key].(string)
	return text, ok
}

// bodyFields returns fields at the top of the object in a body that follows the rest of
// the headers. It returns false if the body was not captured to its end.
func bodyFields(rest []byte, keys ...string) (map[string]any, bool) {
	fields := make(map[string]any)
	_, body, ok := bytes.Cut(rest, []byte("\r\n\r\n"))
	if !ok {
		return fields, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fields, false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fields, false
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return fields, false
		}
		if key, _ := name.(string); slices.Contains(keys, key) {
			fields[key] = value
		}
	}
	_, err := d.Token() // the end of the object
	return fields, err == nil
}
