package probe

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

func TestDecodeEngineRequest(t *testing.T) {
	r := bpfEngineRecord{
		Kind: uint32(bpfRecordKindREC_ENGINE), BootNs: 9, Sender: bpfProcessKey{StartNs: 1, Pid: 2},
		Listener: bpfProcessKey{StartNs: 3, Pid: 1 << 30}, Conn: 7, Tid: 8, // a pid that is no process's
	}
	chars(r.Path[:], "/run/docker.sock")
	r.Len = fill(r.Data[:], "POST /v1.45/containers/web/start HTTP/1.1\r\nX-Registry-Auth: secret\r\n\r\n")
	want := event.Event{BootNS: 9, Body: &event.EngineRequest{
		Sender: event.ProcessID{PID: 2, StartNS: 1}, TID: 8, Listener: event.ProcessID{PID: 1 << 30, StartNS: 3},
		Engine: event.EngineDocker, Path: "/run/docker.sock", Conn: 7, Call: event.EngineStart, Container: "web",
	}}
	var s Source
	if err := s.takeEngine(raw(r)[:engineHead+uintptr(r.Len)]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]event.Event{want}, s.taken); diff != "" {
		t.Error(diff)
	}
	for _, short := range [][]byte{raw(r)[:20], raw(r)[:engineHead+uintptr(r.Len)-1]} {
		if err := s.takeEngine(short); !errors.Is(err, errRecord) {
			t.Errorf("%d bytes: %v", len(short), err)
		}
	}
	// one of a test is no engine's
	s.taken = nil
	r.Listener.Pid = uint32(os.Getpid())
	if err := s.takeEngine(raw(r)[:engineHead+uintptr(r.Len)]); err != nil || len(s.taken) > 0 {
		t.Errorf("%v, %v", s.taken, err)
	}
}

func TestDecodeUnreadEngineRequest(t *testing.T) {
	for unread, want := range map[bpfBusUnread]event.Unread{
		bpfBusUnreadBUS_SPLICED: event.UnreadSpliced, bpfBusUnreadBUS_TOO_MANY: event.UnreadTooMany,
		bpfBusUnreadBUS_OUT_OF_STEP: event.UnreadOutOfStep,
	} {
		req, ok := engineRequest(&bpfEngineRecord{Unread: uint32(unread)})
		if !ok || req.Unread != want || req.Call != event.EngineUnknown {
			t.Errorf("%d: %+v, %v", unread, req, ok)
		}
	}
}
