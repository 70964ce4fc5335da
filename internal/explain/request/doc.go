// Package request tells who asked which service manager to start what, by the
// messages that were seen on unix sockets.
//
// A Tracker is fed every event of the stream. Its unit is the channel: a way to
// ask. A channel has a file of its own, which says which messages are requests,
// which names they carry, and what shows that nothing came of one. The bytes on
// a socket are recognised and decoded by a transport, which several channels may
// share: calls to systemd and calls that activate a bus name are both D-Bus.
//
// To add a channel, write its file, a transport if its bytes need one, and a row
// for each in New.
//
// Senders can write anything. What a message says counts only if its sender had
// the right to say it, and a request is a cause only by its effect, which package
// blame decides.
package request
