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
func (dbusTransport) decode(m *message, take func(*message)) {
	if !m.sent.FromBus {
		decodeClient(m, take)
		return
	}
	m.dbus, m.err = dbuswire.Parse(m.sent.Data)
	take(m)
}

// decodeClient reads what was sent to a bus or a manager, up to the first message
// that can't be read.
func decodeClient(m *message, take func(*message)) {
	data, size := m.sent.Data, uint64(m.sent.Size)
	if len(data) == 0 && size == 0 { // redaction has left nothing, and nothing was hidden
		return
	}
	end := uint64(len(data)) // of authentication, if there is nothing else
	for _, part := range dbuswire.ParseAll(data) {
		m.dbus, m.err = part.Message, part.Err
		offset, length := uint64(part.Offset), uint64(part.Message.Size)
		if part.Err != nil {
			captured := uint64(len(data)) == size
			m.last = captured || length != 0 && offset+length >= size
			take(m)
			return
		}
		end = offset + length
		take(m)
	}
	if end < size { // what follows was not captured
		m.dbus, m.err = dbuswire.Message{}, dbuswire.ErrTruncated
		take(m)
	}
}
