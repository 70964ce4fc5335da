package request

import (
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

// dbusTransport is D-Bus over the sockets of buses, and over the private sockets
// on which systemd answers without a bus.
type dbusTransport struct{}

// The paths of the system's sockets. Those of users differ by the user.
const (
	systemBus     = "/run/dbus/system_bus_socket"
	systemBusOld  = "/var/run/dbus/system_bus_socket"
	systemPrivate = "/run/systemd/private"
	userSockets   = "/run/user/"
)

func (dbusTransport) owner(socket string) (Owner, bool) {
	switch socket {
	case systemBus, systemBusOld, systemPrivate:
		return Owner{Manager: event.ManagerSystem}, true
	}
	rest, isUser := strings.CutPrefix(socket, userSockets)
	user, what, _ := strings.Cut(rest, "/")
	uid, err := strconv.ParseUint(user, 10, 32)
	if !isUser || err != nil || what != "bus" && what != "systemd/private" {
		return Owner{}, false
	}
	return Owner{Manager: event.ManagerUser, UID: uint32(uid)}, true
}

// decode reads what was sent. A client may send several messages at once, a bus
// sends one.
func (dbusTransport) decode(sent *event.BusMessage) []message {
	if !sent.FromBus {
		return decodeClient(sent)
	}
	m, err := dbuswire.Parse(sent.Data)
	return []message{{dbus: m, err: err}}
}

// decodeClient reads what was sent to a bus or a manager, up to the first message
// that can't be read.
func decodeClient(sent *event.BusMessage) []message {
	if len(sent.Data) == 0 {
		if sent.Size == 0 { // redaction has left nothing, and nothing was hidden
			return nil
		}
		return []message{{err: dbuswire.ErrTruncated}}
	}
	var out []message
	end := uint64(len(sent.Data)) // of authentication, if there is nothing else
	for _, part := range dbuswire.ParseAll(sent.Data) {
		next := message{dbus: part.Message, err: part.Err}
		offset, size := uint64(part.Offset), uint64(part.Message.Size)
		if part.Err != nil {
			captured := len(sent.Data) == int(sent.Size)
			next.last = captured || size != 0 && offset+size >= uint64(sent.Size)
			return append(out, next)
		}
		end = offset + size
		out = append(out, next)
	}
	if end < uint64(sent.Size) { // what follows was not captured
		out = append(out, message{err: dbuswire.ErrTruncated})
	}
	return out
}
