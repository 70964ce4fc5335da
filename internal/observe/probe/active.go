package probe

import (
	"errors"
	"maps"
	"slices"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/nsblame/nsblame/internal/event"
)

const (
	// activeBatch is how many processes are read with one call. A bucket of the table
	// must fit in.
	activeBatch = 4096
	// activeList is how many cgroups one event holds.
	activeList = 512
)

// pushActive reports in which cgroups the processes of the table live. It marks
// none as sent: user space would never hear that it can forget a process that
// creates no namespace.
func (s *Source) pushActive(atEnd bool) {
	counts, err := s.collection.populations()
	for _, a := range s.collection.active(counts, err) {
		a.AtEnd = atEnd
		s.push(a)
	}
}

// populations counts the living processes of the table by their cgroup.
func (coll *collection) populations() (map[uint64]uint32, error) {
	counts := make(map[uint64]uint32)
	err := coll.eachProcess(func(_ bpfProcessKey, p *bpfProcess) {
		if !has(p.Flags, bpfProcessFlagsPROCESS_EXITED) {
			counts[p.Cgroup]++
		}
	})
	return counts, err
}

// eachProcess goes through the table of processes.
func (coll *collection) eachProcess(do func(bpfProcessKey, *bpfProcess)) error {
	var (
		cursor ebpf.MapBatchCursor
		keys   = make([]bpfProcessKey, activeBatch)
		values = make([]bpfProcess, activeBatch)
	)
	for {
		n, err := coll.maps[bpfMapProcesses].BatchLookup(&cursor, keys, values, nil)
		for i := range n {
			do(keys[i], &values[i])
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// active turns the counts into events, with the cgroups in a fixed order.
func (coll *collection) active(counts map[uint64]uint32, err error) []*event.Active {
	a := &event.Active{}
	if err != nil {
		a.Why = "the table of processes could not be read to its end: " + err.Error()
	}
	list := []*event.Active{a}
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		var cgroup bpfCgroupPath
		err := coll.maps[bpfMapCgroups].Lookup(unsafe.Pointer(&id), unsafe.Pointer(&cgroup))
		if err != nil || cgroup.Complete == 0 {
			a.Unplaced += counts[id]
			continue
		}
		path := cgroupEvent(&cgroup.Rec).Body.(*event.Cgroup)
		last := list[len(list)-1]
		if len(last.Cgroups) == activeList {
			last = &event.Active{}
			list = append(list, last)
		}
		last.Cgroups = append(last.Cgroups, event.Population{
			Path: path.Path, Truncated: path.Truncated, Delegated: path.Delegated, Processes: counts[id],
		})
	}
	return list
}
