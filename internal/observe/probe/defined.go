package probe

import (
	"errors"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/nsblame/nsblame/internal/event"
)

// defined is what the stream has defined and not forgotten: the processes, programs and
// cgroups that whoever reads the stream keeps.
//
// The BPF programs say when they drop one of these. If such a note is lost, what it was
// about would be kept for ever. So then all that was defined is compared with the tables, a
// part at a time. What is missing there is forgotten when the ring buffers have been read
// once more, since they may still hold a record that refers to it.
type defined struct {
	known map[event.Forget]struct{}
	// unchecked is what is still to be compared, gone what was found to be missing.
	unchecked, gone []event.Forget
	// exists asks the tables.
	exists func(event.Forget) bool
}

// sweepPart is how much is compared at once: some 0.1 ms of work.
const sweepPart = 128

func newDefined(exists func(event.Forget) bool) *defined {
	return &defined{known: make(map[event.Forget]struct{}), exists: exists}
}

// observe takes in an event of the stream.
func (d *defined) observe(body event.Body) {
	switch b := body.(type) {
	case *event.Process:
		d.known[event.Forget{Process: b.ID}] = struct{}{}
	case *event.Program:
		d.known[event.Forget{Program: b.ID}] = struct{}{}
	case *event.Cgroup:
		d.known[event.Forget{Cgroup: b.ID}] = struct{}{}
	case *event.Forget:
		delete(d.known, event.Forget{Process: b.Process})
		delete(d.known, event.Forget{Program: b.Program})
		delete(d.known, event.Forget{Cgroup: b.Cgroup})
	}
}

// compareAll has all that was defined compared with the tables. What is under way is done
// again.
func (d *defined) compareAll() {
	d.unchecked = make([]event.Forget, 0, len(d.known))
	for what := range d.known {
		d.unchecked = append(d.unchecked, what)
	}
}

// sweep is called whenever the ring buffers are drained. It returns what can be
// forgotten, and compares the next part.
func (d *defined) sweep() []event.Forget {
	gone := d.gone
	d.gone = nil
	part := d.unchecked[:min(sweepPart, len(d.unchecked))]
	d.unchecked = d.unchecked[len(part):]
	for _, what := range part {
		if _, known := d.known[what]; known && !d.exists(what) {
			d.gone = append(d.gone, what)
		}
	}
	return gone
}

// exists reports whether a table has what can be forgotten. If that cannot be said, it
// does. What a process ran before nsblame started goes with the process.
func (coll *collection) exists(what event.Forget) bool {
	process := func(id event.ProcessID) bpfProcessKey { return bpfProcessKey{StartNs: id.StartNS, Pid: id.PID} }
	switch {
	case what.Cgroup != 0:
		id := uint64(what.Cgroup)
		return coll.has(unsafe.Pointer(&id), bpfMapCgroups)
	case what.Program.Exec != 0:
		key := bpfProgramKey{Process: process(what.Program.Process), Exec: what.Program.Exec}
		return coll.has(unsafe.Pointer(&key), bpfMapProgramsFirst, bpfMapPrograms)
	case !what.Program.Process.IsZero():
		key := process(what.Program.Process)
		return coll.has(unsafe.Pointer(&key), bpfMapProcesses)
	default:
		key := process(what.Process)
		return coll.has(unsafe.Pointer(&key), bpfMapProcesses)
	}
}

func (coll *collection) has(key unsafe.Pointer, tables ...string) bool {
	value := make([]byte, 8<<10) // no value is larger
	for _, table := range tables {
		if err := coll.maps[table].Lookup(key, unsafe.Pointer(&value[0])); err == nil || !errors.Is(err, ebpf.ErrKeyNotExist) {
			return true
		}
	}
	return false
}
