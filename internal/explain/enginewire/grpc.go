package enginewire

import (
	"encoding/binary"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nsblame/nsblame/internal/event"
)

// prefixSize is that of what precedes a message of gRPC: whether it is compressed, and
// its length (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md).
const prefixSize = 5

// GRPC reads the beginning of a message of gRPC with its prefix. It returns false if it
// is none that can make something run.
func GRPC(data []byte) (Request, bool) {
	if len(data) < prefixSize || data[0] != 0 {
		return Request{}, false
	}
	size := binary.BigEndian.Uint32(data[1:])
	m := message{data: data[prefixSize:], cut: uint64(len(data)-prefixSize) < uint64(size)}
	if !m.cut {
		m.data = m.data[:size]
	}
	if s, cut, ok := runPodSandbox(m); ok {
		return Request{Call: event.EngineRunSandbox, Sandbox: s, Cut: cut}, true
	}
	return createTask(m)
}

// message is a message of protobuf, or the beginning of one.
type message struct {
	data []byte
	cut  bool
}

// field is a field of a message. Only those that have a length have bytes.
type field struct {
	number protowire.Number
	message
	sized bool
}

// next returns the next field, and what follows it. It returns false at the end, and for
// what is no field.
func (m message) next() (f field, rest message, ok bool) {
	number, kind, n := protowire.ConsumeTag(m.data)
	if n < 0 {
		return f, m, false
	}
	f.number = number
	value := m.data[n:]
	if kind != protowire.BytesType {
		n = protowire.ConsumeFieldValue(number, kind, value)
		if n < 0 {
			return f, m, false
		}
		return f, message{value[n:], m.cut}, true
	}
	size, n := protowire.ConsumeVarint(value)
	if n < 0 {
		return f, m, false
	}
	f.sized, value = true, value[n:]
	if size <= uint64(len(value)) {
		f.data = value[:size]
		return f, message{value[size:], m.cut}, true
	}
	if !m.cut {
		return f, m, false
	}
	f.data, f.cut = value, true
	return f, message{nil, true}, true
}

// text is the string of a field, false if it is not whole or longer than a name.
func (f field) text() (string, bool) {
	return string(f.data), f.sized && !f.cut && len(f.data) <= maxName
}

// first returns the first field, if it has the number 1 and a length.
func (m message) first() (f field, rest message, ok bool) {
	f, rest, ok = m.next()
	return f, rest, ok && f.number == 1 && f.sized
}

// The fields of RunPodSandbox (kubernetes/cri-api, pkg/apis/runtime/v1/api.proto).
const (
	metadataName      = 1
	metadataUID       = 2
	metadataNamespace = 3
	metadataAttempt   = 4
	configLabels      = 6
	configAnnotations = 7
)

// runPodSandbox reads RunPodSandboxRequest. It returns false if it is something else.
func runPodSandbox(m message) (s *event.SandboxRequest, cut, ok bool) {
	config, _, ok := m.first()
	if !ok {
		return nil, false, false
	}
	metadata, rest, ok := config.first()
	if !ok || metadata.cut {
		return nil, false, false
	}
	s = &event.SandboxRequest{}
	if !takeMetadata(s, metadata.message) {
		return nil, false, false
	}
	cut = config.cut || m.cut
	for f, rest, ok := rest.next(); ok; f, rest, ok = rest.next() {
		switch {
		case f.number == configLabels && f.sized:
			cut = !takeLabel(s, f.message) || cut
		case f.number == configAnnotations && f.sized:
			key, value, whole := pair(f.message)
			if whole && key == "kubernetes.io/config.source" && isSource(value) {
				s.Source = value
			}
		}
	}
	slices.SortFunc(s.Labels, func(a, b event.Label) int { return strings.Compare(a.Key, b.Key) })
	return s, cut, true
}

// takeMetadata reads what names the pod. It returns false if it names none.
func takeMetadata(s *event.SandboxRequest, m message) bool {
	for len(m.data) > 0 {
		if number, kind, n := protowire.ConsumeTag(m.data); n >= 0 && number == metadataAttempt && kind == protowire.VarintType {
			attempt, k := protowire.ConsumeVarint(m.data[n:])
			if k < 0 || attempt > 1<<32-1 {
				return false
			}
			s.Attempt, m.data = uint32(attempt), m.data[n+k:]
			continue
		}
		f, rest, ok := m.next()
		if !ok {
			return false
		}
		value, whole := f.text()
		switch f.number {
		case metadataName:
			s.Name = value
		case metadataUID:
			s.UID = value
		case metadataNamespace:
			s.Namespace = value
		default:
			whole = true
		}
		if !whole {
			return false
		}
		m = rest
	}
	return s.Name != "" && s.UID != "" && s.Namespace != ""
}

// takeLabel adds a label of the pod's author. It returns false if it is not kept.
func takeLabel(s *event.SandboxRequest, m message) bool {
	key, value, whole := pair(m)
	switch {
	case strings.HasPrefix(key, "io.kubernetes."):
		return true // the kubelet's own
	case !whole || len(key) > maxLabel || len(value) > maxLabel || len(s.Labels) == maxLabels:
		return false
	}
	s.Labels = append(s.Labels, event.Label{Key: key, Value: value})
	return true
}

// pair reads an entry of a map of strings.
func pair(m message) (key, value string, whole bool) {
	whole = !m.cut
	for f, rest, ok := m.next(); ok; f, rest, ok = rest.next() {
		switch {
		case f.number == 1 && f.sized:
			key = string(f.data)
		case f.number == 2 && f.sized:
			value = string(f.data)
		}
		whole = whole && !f.cut
	}
	return key, value, whole && key != ""
}

// isSource reports whether that is a place from which the kubelet has pods
// (kubernetes, pkg/kubelet/types/pod_update.go).
func isSource(s string) bool { return s == "api" || s == "file" || s == "http" }

// The fields that follow the id in containerd's CreateTaskRequest, and in no call to a
// task that is there (containerd, api/services/tasks/v1/tasks.proto).
const (
	taskRootfs     = 3
	taskStdin      = 4
	taskStdout     = 5
	taskStderr     = 6
	taskCheckpoint = 8
	taskOptions    = 9
)

// createTask reads CreateTaskRequest. Other calls of containerd's and of CRI have a
// string first, too. What follows it tells them apart.
func createTask(m message) (Request, bool) {
	id, rest, ok := m.first()
	if !ok || id.cut || !isID(id.data) {
		return Request{}, false
	}
	f, _, ok := rest.next()
	if !ok || !f.sized {
		return Request{}, false
	}
	switch f.number {
	case taskRootfs:
		// ExecProcessRequest has the path of a pipe there
		ok = len(f.data) > 0 && f.data[0] != '/'
	case taskStdin, taskStdout, taskStderr:
		ok = len(f.data) > 0 && f.data[0] == '/' || strings.Contains(string(f.data), "://")
	case taskCheckpoint, taskOptions:
	default:
		ok = false
	}
	return Request{Call: event.EngineTask, Container: string(id.data)}, ok
}

// isID reports whether that can be the id of a container (containerd,
// pkg/identifiers/validate.go).
func isID(b []byte) bool {
	if len(b) == 0 || len(b) > 76 {
		return false
	}
	for i, c := range b {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-", rune(c))) {
			return false
		}
	}
	return true
}
