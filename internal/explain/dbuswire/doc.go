// Package dbuswire reads what a probe saw of a D-Bus message: the first bytes
// of one send on a bus socket, cut anywhere and written by anyone.
//
// [Parse] yields the captured header fields and leading arguments. It is
// stricter than a client library, because a message that the bus would refuse
// never had an effect and must not become a cause: one malformed byte in what
// is read, and nothing of the message is returned. What lies behind the cut is
// unknown, and the message says so. What is returned of a cut message is what
// would be returned of the whole one, if that is valid.
//
// [StartJob], [ActivationRequest] and [WantedName] say which messages ask for
// a unit or a service to be started. They judge the message alone: who sent it,
// on which socket, and whether that sender may be believed is the caller's
// knowledge.
//
// A sender whose socket is full sends the rest of a message later, by itself.
// Such a rest mostly fails with [ErrNotDBus]; but whoever wrote the message can
// make it look like another one. A caller that knows how much of the message
// before was accepted, or how much of this one, can tell.
package dbuswire
