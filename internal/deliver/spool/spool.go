// Package spool keeps records until they were delivered: in memory, or in a directory
// that outlives the process.
package spool

import "errors"

// MaxRecord bounds a record in bytes.
const MaxRecord = 256 << 10

// ErrFull says that a record does not fit beside those that wait.
var ErrFull = errors.New("the spool is full")

// Queue keeps records in their order. Its methods may be called from any goroutine.
type Queue interface {
	// Append keeps a record. It fails with ErrFull if there is no room.
	Append(record []byte) error
	// Peek returns records from the front: at least one if there is any, else as many as
	// fit into so many records and bytes.
	Peek(records, bytes int) ([][]byte, error)
	// Ack removes records from the front.
	Ack(records int) error
	// Len counts the records that wait.
	Len() uint64
	// Sync makes what was appended outlive the machine, where the file system can.
	Sync() error
	// Close ends the use of the queue.
	Close() error
}
