// Package request tells who asked which service manager to start what, by the
// messages that were seen on unix sockets.
//
// A Tracker is fed every event of the stream. Its unit is the channel: a way to ask.
// Each channel has a file. It says which messages are requests, which names they
// carry, and what shows that nothing came of one.
//
// A transport recognises a socket and decodes its bytes. Several channels may share
// one: calls to systemd and calls that activate a bus name are both D-Bus.
//
// To add a channel, write its file, a transport if its bytes need one, and a row
// for each in New.
//
// Senders can write anything. What a message says counts only if its sender had the
// right to say it. A request is a cause only by its effect: package blame decides
// about that.
package request
