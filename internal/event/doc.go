// Package event is the vocabulary of the one stream of observations that
// everything else in nsblame reads or writes.
//
// A live source (package probe, package procfs) or a recording yields a
// sequence of Event values. Whatever follows (lineage, causes, reports,
// rendering) is a pure function of that sequence: it consults no clock, no
// /proc and no bus, so that a replay prints what the live trace printed.
//
// Strings in this package hold bytes as the kernel gave them. They may contain
// anything but NUL: terminal escapes, newlines, invalid UTF-8. Only package
// render makes them safe to show.
package event
