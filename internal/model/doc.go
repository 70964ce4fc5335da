// Package model tests what package blame concludes against a world of which the
// truth is known.
//
// A Plan is drawn from a seed. It is a machine (its bus, who listens to the manager,
// its units) and what people, programs and timers do on it. A simulator carries the
// plan out: processes, the connections of a bus (in the way of dbus-daemon or of
// dbus-broker), and a service manager with its jobs (as of src/core/job.c). It writes
// the stream of events that nsblame would see, answers nsblame's questions with the
// state that the manager has at that moment, and keeps the truth to itself.
//
// A judge compares the two:
//
//   - What is named with evidence kernel or manager is true.
//   - What is named as inferred is true, or a reason marks it as doubtful.
//   - Nothing is doubted for what is lost on a user's own bus.
//   - Two cases that docs/concepts.md says are not told apart are counted by themselves.
//   - What can be known is known. A creation can be known if nothing was lost, cut or
//     hostile, and if no second truth gives the same stream. The simulator decides that,
//     from what it made visible (truth.go).
//
// A plan that fails is shrunk: what is not needed for the failure is left out, and
// the rest becomes a story to read.
//
// # Files
//
//	plan.go, world.go   what a history is drawn from
//	sim.go              time and chance
//	process.go          processes, their programs and cgroups
//	stream.go           the stream as the probes write it
//	wire.go             the bytes of messages
//	bus.go              sockets, connections, names
//	client.go           systemctl, hostnamectl and their like
//	manager.go, job.go, unit.go, trigger.go
//	                    the manager
//	adversity.go        loss, cuts, hostile senders, clocks
//	elsewhere.go        a user's own bus and manager, and what is lost there
//	truth.go, judge.go  what is true, and what is said
//	shrink.go, run.go   many histories, and the smallest that fails
package model
