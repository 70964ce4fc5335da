package event

// SocketConnect says that a process connected to a unix socket on which a service
// manager listens for a unit. Nobody else had connected, and no service had the socket.
// So the manager starts the service for it, unless something holds that up. Process
// events for both, and for their ancestors, come before.
type SocketConnect struct {
	// Sender is the process that connected, TID the thread. Sender is zero if it was a
	// thread of the kernel, for somebody.
	Sender ProcessID
	TID    uint32
	// Listener is who began to listen. Anybody can call his program as the manager is
	// called.
	Listener ProcessID
	// Path is the path that the listener had bound.
	Path string
}

func (*SocketConnect) body() {}
