package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/enginewire"
)

// engineHead is the size of a record of a request without data.
const engineHead = unsafe.Sizeof(bpfEngineRecord{}) - unsafe.Sizeof(bpfEngineRecord{}.Data)

// takeEngine makes an event of a record of what was sent to an engine, unless that can
// make nothing run. Only what enginewire returns of it leaves here.
func (s *Source) takeEngine(raw []byte) error {
	r, err := engineRecord(raw)
	if err != nil {
		return err
	}
	req, ok := engineRequest(r)
	if !ok {
		return nil
	}
	if req.Engine, ok = s.engines.of(req.Listener, req.Path); !ok {
		return nil
	}
	if req.Engine == "" { // a service manager, which hands it over
		req.Engine = engineAt(req.Path)
	}
	s.readAgain(req.Listener, r.BootNs)
	if sb := req.Sandbox; sb != nil && sb.Source == sourceFile {
		sb.Manifests = s.manifests.of(req.Sender)
	}
	s.taken = append(s.taken, event.Event{BootNS: r.BootNs, Body: req})
	return nil
}

// sourceFile is the source of a static pod.
const sourceFile = "file"

// tellEngineGap puts into the stream that some requests to engines are not heard, or with
// no words that they are again. It may be called from any goroutine.
func (s *Source) tellEngineGap(why string) {
	// Where the source is closed already, nobody reads it.
	c := &event.Coverage{Probe: event.ProbeEngines, Changed: true, Live: why == "", Why: why}
	if c.Live {
		c.AttachMethod = s.engineMethod
	}
	_ = s.Inject(c)
}

// engineRecord copies a record, of which only the data that is filled was sent.
func engineRecord(raw []byte) (*bpfEngineRecord, error) {
	var r bpfEngineRecord
	if uintptr(len(raw)) < engineHead {
		return nil, fmt.Errorf("%w: %d bytes for a request", errRecord, len(raw))
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)), raw)
	if int(r.Len) > len(r.Data) || uintptr(len(raw)) < engineHead+uintptr(r.Len) {
		return nil, fmt.Errorf("%w: %d bytes for a request of %d", errRecord, len(raw), r.Len)
	}
	return &r, nil
}

// engineRequest reads a record. It returns false if the request can make nothing run. Who
// listens is what the kernel half says; what engine that is is left out.
func engineRequest(r *bpfEngineRecord) (*event.EngineRequest, bool) {
	req := &event.EngineRequest{
		Sender: processID(r.Sender), TID: r.Tid, Listener: processID(r.Listener),
		Path: text(r.Path[:]), Conn: r.Conn, Call: event.EngineUnknown,
	}
	switch bpfBusUnread(r.Unread) {
	case bpfBusUnreadBUS_READ:
		return req, readRequest(req, r.Data[:r.Len], has(r.Flags, bpfEngineFlagsENGINE_GRPC))
	case bpfBusUnreadBUS_SPLICED:
		req.Unread = event.UnreadSpliced
	case bpfBusUnreadBUS_TOO_MANY:
		req.Unread = event.UnreadTooMany
	default:
		req.Unread = event.UnreadOutOfStep
	}
	return req, true
}

func readRequest(req *event.EngineRequest, data []byte, grpc bool) bool {
	var (
		read enginewire.Request
		ok   bool
		err  error
	)
	if grpc {
		read, ok = enginewire.GRPC(data)
	} else {
		read, ok, err = enginewire.HTTP(data)
	}
	if err != nil {
		req.Unread = event.UnreadOutOfStep
		return true
	}
	req.Call, req.Container, req.Sandbox, req.Cut = read.Call, read.Container, read.Sandbox, read.Cut
	return ok
}

// engineExes are the executables of engines. k3s and rke2 have containerd inside.
var engineExes = map[string]event.Engine{
	"dockerd": event.EngineDocker, "podman": event.EnginePodman, "containerd": event.EngineContainerd,
	"k3s": event.EngineContainerd, "rke2": event.EngineContainerd, "crio": event.EngineCRIO,
	"lxd": event.EngineLXD, "incusd": event.EngineIncus,
}

// usesGRPC reports whether clients of an engine speak gRPC with it.
func usesGRPC(e event.Engine) bool { return e == event.EngineContainerd || e == event.EngineCRIO }

// engineAt is the engine whose socket has that path by its name.
func engineAt(path string) event.Engine {
	for word, engine := range map[string]event.Engine{
		"docker": event.EngineDocker, "podman": event.EnginePodman, "containerd": event.EngineContainerd,
		"crio": event.EngineCRIO, "lxd": event.EngineLXD, "incus": event.EngineIncus,
	} {
		if strings.Contains(path, word) {
			return engine
		}
	}
	return event.EngineContainerd
}

// engines tells which engine a process is.
type engines struct {
	known *recent[event.ProcessID, event.Engine]
}

// maxEngines bounds the processes that are remembered.
const maxEngines = 128

// noEngine stands for a process that is none.
const noEngine event.Engine = "none"

// of returns the engine that a process is which serves a path. It is empty for a service
// manager. It returns false for what is no engine, and takes a process that is gone for
// what its path says.
func (e *engines) of(id event.ProcessID, path string) (event.Engine, bool) {
	if id.IsZero() {
		return engineAt(path), true
	}
	if e.known == nil {
		e.known = newRecent[event.ProcessID, event.Engine](maxEngines)
	}
	engine, ok := e.known.get(id)
	if !ok {
		exe, err := executable(id.PID)
		if err != nil {
			return engineAt(path), true
		}
		engine = engineOf(exe)
		e.known.put(id, engine)
	}
	return engine, engine != noEngine
}

// engineOf returns the engine that is an executable, empty for a service manager, and
// noEngine for anything else.
func engineOf(exe string) event.Engine {
	base := filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
	if base == "systemd" {
		return ""
	}
	if engine, ok := engineExes[base]; ok {
		return engine
	}
	return noEngine
}

// executable returns the path of what a process runs, if root owns that.
func executable(pid uint32) (string, error) {
	link := procPath(pid, "exe")
	exe, err := os.Readlink(link)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(link)
	if err != nil {
		return "", err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 {
		return "", fmt.Errorf("%s is not root's", exe)
	}
	return exe, nil
}

func procPath(pid uint32, name string) string {
	return "/proc/" + strconv.FormatUint(uint64(pid), 10) + "/" + name
}
