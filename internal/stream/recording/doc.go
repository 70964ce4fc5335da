// Package recording puts the stream of events into an Avro Object Container
// File and takes it out again, whatever became of the file in between.
//
// The layout of a file is described in docs/recording.md. What is recorded of
// an event stands in one place, its function in events.go, from which the Avro
// schema, the encoding and the decoding follow.
package recording
