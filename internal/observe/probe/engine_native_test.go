package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nsblame/nsblame/internal/event"
)

// testEngine is a socket that the programs take for an engine's.
type testEngine struct {
	testBus
	heard *heard
}

func listenAsEngine(t *testing.T, l engineListener) testEngine {
	t.Helper()
	h := hear(t)
	l.path = filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: l.path})
	if err != nil {
		t.Skip("this user can't listen there: ", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	table := &engineTable{coll: &collection{maps: h.maps, variables: map[string]*ebpf.Variable{bpfVarEngineLengths: h.lengths}}}
	if err := table.put(l); err != nil {
		t.Fatal(err)
	}
	return testEngine{testBus{listener, t}, h}
}

// requests are what was reported until now.
func (e testEngine) requests() []*event.EngineRequest {
	e.t.Helper()
	e.heard.payForAll()
	e.heard.reader.SetDeadline(time.Now())
	var list []*event.EngineRequest
	for {
		record, err := e.heard.reader.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return list
		}
		if err != nil {
			e.t.Fatal(err)
		}
		if binary.NativeEndian.Uint32(record.RawSample) != uint32(bpfRecordKindREC_ENGINE) {
			continue
		}
		r, err := engineRecord(aligned(record.RawSample))
		if err != nil {
			e.t.Fatal(err)
		}
		if req, ok := engineRequest(r); ok {
			list = append(list, req)
		}
	}
}

// check sends and compares, but for who sent and over which connection.
func (e testEngine) check(name string, writes [][]byte, want ...event.EngineRequest) {
	e.t.Helper()
	client, server := e.connect()
	e.send(client, server, writes...)
	var got []event.EngineRequest
	for _, req := range e.requests() {
		if req.Path != e.Addr().String() || req.Conn == 0 || req.TID == 0 || req.Listener.PID != uint32(os.Getpid()) {
			e.t.Errorf("%s: %+v", name, req)
		}
		got = append(got, *req)
	}
	ignored := cmpopts.IgnoreFields(event.EngineRequest{}, "Sender", "TID", "Listener", "Path", "Conn")
	if diff := cmp.Diff(want, got, ignored); diff != "" {
		e.t.Errorf("%s: %s", name, diff)
	}
}

func writes(list ...string) (b [][]byte) {
	for _, s := range list {
		b = append(b, []byte(s))
	}
	return b
}

func TestRequestsOverHTTPAreHeard(t *testing.T) {
	e := listenAsEngine(t, engineListener{uid: uint32(os.Geteuid())})
	const rest = " HTTP/1.1\r\nHost: docker\r\n\r\n"
	start := event.EngineRequest{Call: event.EngineStart, Container: "web"}
	e.check("start", writes("POST /v1.45/containers/web/start"+rest), start)
	e.check("without a version", writes("POST /containers/web/start"+rest), start)
	e.check("libpod", writes("POST /v5.0.0/libpod/containers/web/start"+rest), start)
	e.check("lxd", writes("PUT /1.0/instances/web/state"+rest+`{"action":"start"}`), start)
	e.check("docker run", writes(
		"HEAD /_ping"+rest, "POST /v1.45/containers/create?name=web"+rest, `{"Image":"x"}`,
		"POST /v1.45/containers/web/wait?condition=next-exit"+rest, "POST /v1.45/containers/web/start"+rest,
	), event.EngineRequest{Call: event.EngineCreate, Container: "web"}, start)
	for _, size := range []int{3000, 3900, 5000, 20000} { // in one place, and in pages
		e.check("with its body", writes("POST /v1.45/containers/create?name=web"+rest+strings.Repeat("x", size)),
			event.EngineRequest{Call: event.EngineCreate, Container: "web"})
	}
	e.check("what matters not", writes("GET /v1.45/containers/json"+rest, "POST /v1.45/exec/7d/start"+rest, "POST /v1.45/images/create"+rest, "x"))
	unread := event.EngineRequest{Call: event.EngineUnknown, Unread: event.UnreadOutOfStep}
	e.check("in pieces", writes("PO", "ST /v1.45/containers/web/start"+rest), unread)
	e.check("half a line", writes("POST /v1.45/containers/we", "b/start"+rest), unread)
}

// Who listens must be the user who is expected there.
func TestForgedEngineIsNotHeard(t *testing.T) {
	e := listenAsEngine(t, engineListener{uid: uint32(os.Geteuid()) + 1})
	e.check("another user's", writes("POST /containers/web/start HTTP/1.1\r\n\r\n"))
}

func frame(kind byte, payload string) string {
	n := len(payload)
	return string([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, 0, 0, 0, 0, 1}) + payload
}

func grpcMessage(message string) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))) + message
}

func protoField(number protowire.Number, value string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), value))
}

func TestRequestsOverGRPCAreHeard(t *testing.T) {
	e := listenAsEngine(t, engineListener{uid: uint32(os.Geteuid()), grpc: true})
	id := strings.Repeat("7d94a0b0", 8)
	const headers, settings, data = 1, 4, 0
	head := frame(headers, "\x83\x86\xc3\xc2")
	runs := frame(data, grpcMessage(protoField(1, protoField(1, protoField(1, "web")+protoField(2, "u-1")+protoField(3, "shop")+"\x20\x03")+protoField(2, "node1"))))
	task := frame(data, grpcMessage(protoField(1, id)+protoField(5, "/run/x")+protoField(9, "options")))
	status := frame(data, grpcMessage(protoField(1, id)))
	list := frame(data, grpcMessage(protoField(1, protoField(2, ""))))
	spec := frame(data, grpcMessage(protoField(1, protoField(1, id)+protoField(8, strings.Repeat("x", 14000)))))
	sandbox := event.EngineRequest{Call: event.EngineRunSandbox, Sandbox: &event.SandboxRequest{Namespace: "shop", Name: "web", UID: "u-1", Attempt: 3}}
	created := event.EngineRequest{Call: event.EngineTask, Container: id}

	e.check("the first request", writes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+frame(settings, ""), head+runs), sandbox)
	e.check("in two writes", writes(head, runs), sandbox)
	e.check("task", writes(head+task), created)
	e.check("polling", writes(head+list, head+status, frame(6, "12345678")))
	e.check("several", writes(head+list+head+task+head+status+head+runs), created, sandbox)
	e.check("behind what is large", writes(head+spec, head+task), created)
	e.check("large, and in pages", writes(head+spec+head+spec+head+task), created)
	e.check("divided", writes(head+spec[:100], spec[100:9000], spec[9000:]+head+task), created)
	e.check("in the middle", writes(head+runs[:len(runs)-3], runs[len(runs)-3:]+head+task), sandbox, created)
	cut := sandbox
	cut.Cut = true
	long := frame(data, grpcMessage(protoField(1, protoField(1, protoField(1, "web")+protoField(2, "u-1")+protoField(3, "shop")+"\x20\x03")+protoField(2, strings.Repeat("n", 200)))))
	e.check("in the middle of what is long", writes(head+long[:150], long[150:]+head+task), cut, created)
	e.check("HTTP/1.1", writes("GET /info HTTP/1.1\r\n\r\n"))
	e.check("too many frames", [][]byte{bytes.Repeat([]byte(frame(8, "\x00\x00\x00\x01")), 120)},
		event.EngineRequest{Call: event.EngineUnknown, Unread: event.UnreadTooMany})
}

// A client that fills a buffer writes it wherever a frame in it ends.
func TestRequestsInPiecesAreHeard(t *testing.T) {
	e := listenAsEngine(t, engineListener{uid: uint32(os.Geteuid()), grpc: true})
	id := strings.Repeat("7d94a0b0", 8)
	const headers, data = 1, 0
	head := frame(headers, "\x83\x86\xc3\xc2")
	task := frame(data, grpcMessage(protoField(1, id)+protoField(5, "/run/x")+protoField(9, "options")))
	runs := frame(data, grpcMessage(protoField(1, protoField(1, protoField(1, "web")+protoField(2, "u-1")+protoField(3, "shop")))))
	content := frame(data, grpcMessage("\x08\x01"+protoField(6, strings.Repeat("x", 300))))
	stream := head + content + head + task + head + runs
	want := []event.EngineRequest{
		{Call: event.EngineTask, Container: id},
		{Call: event.EngineRunSandbox, Sandbox: &event.SandboxRequest{Namespace: "shop", Name: "web", UID: "u-1"}},
	}
	for at := 1; at < len(stream); at++ {
		e.check(fmt.Sprintf("divided at %d", at), writes(stream[:at], stream[at:]), want...)
	}
	for _, size := range []int{1, 3, 16, 100} {
		var pieces []string
		for piece := range slices.Chunk([]byte(stream), size) {
			pieces = append(pieces, string(piece))
		}
		e.check(fmt.Sprintf("pieces of %d", size), writes(pieces...), want...)
	}
}
