package probe

import "github.com/nsblame/nsblame/internal/event"

// takeConnect makes an event of a connection to the socket of a unit. One to an engine
// says only that there is a socket to be watched.
func (s *Source) takeConnect(raw []byte) error {
	r, err := viewAs[bpfConnectRecord](raw)
	if err != nil {
		return err
	}
	if bpfConnectTo(r.To) == bpfConnectToCONNECT_ENGINE {
		if s.watch != nil {
			s.watch.notice(noticed{pid: r.Listener.Pid, path: text(r.Path[:])})
		}
		return nil
	}
	s.taken = append(s.taken, event.Event{BootNS: r.BootNs, Body: &event.SocketConnect{
		Sender: processID(r.Sender), TID: r.Tid, Listener: processID(r.Listener), Path: text(r.Path[:]),
	}})
	return nil
}
