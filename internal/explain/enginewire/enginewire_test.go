package enginewire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nsblame/nsblame/internal/event"
)

var id = strings.Repeat("7d94a0b0e41b0a4a", 4)

const headers = " HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/26.1.5 (linux)\r\nContent-Length: 0\r\n\r\n"

func TestHTTP(t *testing.T) {
	for _, tc := range []struct {
		name, data string
		want       Request
	}{
		{"docker start by id", "POST /v1.45/containers/" + id + "/start" + headers, Request{Call: event.EngineStart, Container: id}},
		{"docker start by name", "POST /v1.45/containers/web/start?checkpoint=" + headers, Request{Call: event.EngineStart, Container: "web"}},
		{"docker restart", "POST /v1.45/containers/7d94/restart?t=1" + headers, Request{Call: event.EngineRestart, Container: "7d94"}},
		{"curl, without a version", "POST /containers/web%2Done/start" + headers, Request{Call: event.EngineStart, Container: "web-one"}},
		{"create", "POST /v1.45/containers/create?name=shop-web-1&platform=" + headers, Request{Call: event.EngineCreate, Container: "shop-web-1"}},
		{"create without a name", "POST /v1.45/containers/create" + headers, Request{Call: event.EngineCreate}},
		{"create with half a query", "POST /v1.45/containers/create?name=%2" + headers, Request{Call: event.EngineCreate, Cut: true}},
		{"podman's own", "POST /v5.0.0/libpod/containers/web/start" + headers, Request{Call: event.EngineStart, Container: "web"}},
		{"classic build", "POST /v1.41/build?t=x" + headers, Request{Call: event.EngineBuild}},
		{"buildkit", "POST /v1.45/session" + headers, Request{Call: event.EngineBuild}},
		{"buildx", "POST /v1.45/grpc" + headers, Request{Call: event.EngineBuild}},
		{"lxd creates", "POST /1.0/instances?project=default" + headers + `{"source":{"type":"image"},"name":"c1"}`, Request{Call: event.EngineCreate, Container: "c1"}},
		{"incus launches", "POST /1.0/instances" + headers + `{"source":{"type":"image"},"name":"c1","start":true}`, Request{Call: event.EngineStart, Container: "c1"}},
		{"incus may launch", "POST /1.0/instances" + headers + `{"source":{},"name":"c1","type":"cont`, Request{Call: event.EngineStart, Container: "c1", Cut: true}},
		{"lxd's body is elsewhere", "POST /1.0/instances" + headers, Request{Call: event.EngineCreate, Cut: true}},
		{"lxd starts", "PUT /1.0/instances/c1/state" + headers + `{"action":"start","timeout":-1}`, Request{Call: event.EngineStart, Container: "c1"}},
		{"lxd restarts", "PUT /1.0/instances/c1/state" + headers + `{"action":"restart"}`, Request{Call: event.EngineRestart, Container: "c1"}},
		{"lxd does something", "PUT /1.0/instances/c1/state" + headers + `{"act`, Request{Call: event.EngineStart, Container: "c1", Cut: true}},
	} {
		got, ok, err := HTTP([]byte(tc.data))
		if err != nil || !ok {
			t.Errorf("%s: %v, %v", tc.name, ok, err)
		} else if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

// What makes nothing run is not taken for a request that does.
func TestHTTPThatMakesNothingRun(t *testing.T) {
	for _, line := range []string{
		"GET /v1.45/containers/json", "POST /v1.45/containers/web/exec", "POST /v1.45/exec/7d/start",
		"POST /v1.45/containers/web/stop", "POST /v1.45/containers/web/wait?condition=next-exit",
		"POST /v1.45/containers//start", "POST /v1.45/containers/a/b/start", "POST /v1.45/", "POST /", "PUT /1.0",
		"DELETE /v1.45/containers/web/start", "POST /1.0/instances/c1/exec", "POST /v1.45/images/create",
		"POST /v1.45/networks/create",
	} {
		if got, ok, err := HTTP([]byte(line + headers)); ok || err != nil {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
	}
	if got, ok, err := HTTP([]byte("PUT /1.0/instances/c1/state" + headers + `{"action":"stop"}`)); ok || err != nil {
		t.Errorf("stop: %+v, %v", got, err)
	}
}

// A request that is not captured to the end of its line may be any.
func TestHTTPThatIsUnclear(t *testing.T) {
	for _, data := range []string{
		"", "POST /v1.45/containers/web/start", "POST /v1.45/containers/web/start HTTP/1.1", "POST /containers/%/start" + headers,
		"POST /containers/web/start\r\n", "POST /containers/" + strings.Repeat("x", 300) + "/start" + headers,
	} {
		if _, ok, err := HTTP([]byte(data)); ok || !errors.Is(err, ErrUnclear) {
			t.Errorf("%.40q: %v, %v", data, ok, err)
		}
	}
}

func sized(number protowire.Number, value string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), value))
}

func number(field protowire.Number, n uint64) string {
	return string(protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), n))
}

func entry(field protowire.Number, key, value string) string {
	return sized(field, sized(1, key)+sized(2, value))
}

func prefixed(message string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// sandbox is what a kubelet sends (CONTAINERS: RunPodSandbox of a static pod).
func sandbox(extra ...string) string {
	metadata := sized(1, "broken-node1") + sized(2, "0f3c1b9e") + sized(3, "batch") + number(4, 7)
	return sized(1, sized(1, metadata)+sized(2, "node1")+sized(3, "/var/log/pods/batch_broken-node1_0f3c1b9e")+
		entry(6, "job-name", "broken-28")+entry(6, "app", "broken")+
		entry(6, "io.kubernetes.pod.name", "broken-node1")+entry(7, "secret", "s3cret")+
		entry(7, "kubernetes.io/config.source", "file")+strings.Join(extra, "")+sized(8, "linux"))
}

func TestRunPodSandbox(t *testing.T) {
	want := Request{Call: event.EngineRunSandbox, Sandbox: &event.SandboxRequest{
		Namespace: "batch", Name: "broken-node1", UID: "0f3c1b9e", Attempt: 7, Source: "file",
		Labels: []event.Label{{Key: "app", Value: "broken"}, {Key: "job-name", Value: "broken-28"}},
	}}
	whole := prefixed(sandbox())
	got, ok := GRPC(append(whole, "the next frame"...))
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Error(ok, diff)
	}
	// what does not fit is flagged, and what was captured is as it was sent
	got, ok = GRPC(prefixed(sandbox(entry(7, "large", strings.Repeat("x", 4000))))[:2048])
	want.Cut = true
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Error(ok, diff)
	}
	for n := range whole {
		got, ok := GRPC(whole[:n])
		if ok && (!got.Cut || got.Sandbox.UID != "0f3c1b9e" || got.Sandbox.Attempt != 7) {
			t.Errorf("of %d bytes: %+v", n, got.Sandbox)
		}
	}
}

func TestLabelsAreBounded(t *testing.T) {
	var extra []string
	for i := range 40 {
		extra = append(extra, entry(6, fmt.Sprintf("l%02d", i), "v"))
	}
	got, ok := GRPC(prefixed(sandbox(append(extra, entry(6, "z", strings.Repeat("x", 300)))...)))
	if !ok || !got.Cut || len(got.Sandbox.Labels) != maxLabels {
		t.Errorf("%v, cut %v, %d labels", ok, got.Cut, len(got.Sandbox.Labels))
	}
}

func TestCreateTask(t *testing.T) {
	const fifo = "/run/docker/containerd/x/init-stdout"
	for name, message := range map[string]string{
		"dockerd": sized(1, id) + sized(5, fifo) + sized(6, fifo) + sized(9, "options"),
		"ctr":     sized(1, id) + sized(3, sized(1, "overlay")+sized(2, "overlay")) + sized(4, fifo),
		"no io":   sized(1, id) + sized(9, "options"),
	} {
		got, ok := GRPC(prefixed(message))
		if diff := cmp.Diff(Request{Call: event.EngineTask, Container: id}, got); !ok || diff != "" {
			t.Errorf("%s: %v %s", name, ok, diff)
		}
	}
	if got, ok := GRPC(prefixed(sized(1, "web") + sized(4, fifo))); !ok || got.Container != "web" {
		t.Errorf("a short name: %v, %+v", ok, got)
	}
}

// What a kubelet and dockerd send all the time is no request.
func TestGRPCThatMakesNothingRun(t *testing.T) {
	for name, message := range map[string]string{
		"start, wait, status":     sized(1, id),
		"kill":                    sized(1, id) + number(3, 9),
		"status with info":        sized(1, id) + number(2, 1),
		"exec":                    sized(1, id) + sized(3, "/run/docker/containerd/x/exec-stdout"),
		"create container (CRI)":  sized(1, id) + sized(2, sized(1, "c")),
		"create container":        sized(1, sized(1, id)+sized(2, "labels")),
		"prepare snapshot":        sized(1, "overlayfs") + sized(2, id) + sized(3, "parent"),
		"list":                    sized(1, sized(2, number(1, 0))),
		"network configuration":   sized(1, sized(1, sized(1, "10.0.0.0/24"))),
		"an event":                sized(1, "/tasks/exit") + sized(3, "x"),
		"empty":                   "",
		"no field":                "\xff\xff\xff",
		"nested without an end":   "\x0a\xff\xff\x7f\x0a\x01\x0a",
		"a length beyond its end": sized(1, sized(1, "\x0a\x7fx")),
	} {
		if got, ok := GRPC(prefixed(message)); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, ok := GRPC([]byte{1, 0, 0, 0, 2, 0x0a, 0}); ok {
		t.Error("something compressed was read")
	}
}

func FuzzHTTP(f *testing.F) {
	f.Add([]byte("POST /v1.45/containers/web/start" + headers))
	f.Add([]byte("PUT /1.0/instances/c1/state" + headers + `{"action":"start"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok, err := HTTP(data)
		if ok && (err != nil || r.Call == "" || len(r.Container) > maxName || r.Sandbox != nil) {
			t.Fatalf("%+v, %v", r, err)
		}
	})
}

func FuzzGRPC(f *testing.F) {
	f.Add(prefixed(sandbox()))
	f.Add(prefixed(sized(1, id) + sized(5, "/run/x")))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok := GRPC(data)
		if !ok {
			return
		}
		s := r.Sandbox
		if (s == nil) != (r.Call == event.EngineTask) || len(r.Container) > maxName {
			t.Fatalf("%+v", r)
		}
		if s != nil && (s.UID == "" || len(s.Labels) > maxLabels || len(s.Name)+len(s.UID)+len(s.Namespace) > 3*maxName) {
			t.Fatalf("%+v", s)
		}
	})
}
