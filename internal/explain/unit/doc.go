// Package unit is what can be known of a systemd unit, and what follows from
// it: which of its settings makes a network namespace, and whether a timer, a
// socket or a path unit started it. It asks nobody: package systemd does.
package unit
