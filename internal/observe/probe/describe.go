package probe

import (
	"unsafe"

	"github.com/nsblame/nsblame/internal/event"
)

// Describe returns what the BPF maps hold of the living process with that pid and of
// its ancestors, as events for the stream. It returns a zero identity if there is
// none. It may be called from any goroutine. It reads the whole table of processes, so
// it is for rare occasions.
func (s *Source) Describe(pid uint32) (event.ProcessID, []event.Body) {
	key, ok := s.collection.living(pid)
	if !ok {
		return event.ProcessID{}, nil
	}
	id := processID(key)
	var list []event.Body
	for range bpfLimitDEPTH_MAX {
		var p bpfProcess
		if err := s.collection.maps[bpfMapProcesses].Lookup(unsafe.Pointer(&key), unsafe.Pointer(&p)); err != nil {
			break
		}
		list = append(list, s.collection.describe(key, &p)...)
		if p.Parent.Pid == 0 {
			break
		}
		key = p.Parent
	}
	return id, list
}

// living finds the process with a pid that has not ended.
func (coll *collection) living(pid uint32) (bpfProcessKey, bool) {
	var key bpfProcessKey
	var p bpfProcess
	// An entry that is deleted meanwhile can make the iteration start over. It is
	// bounded, and what it finds is right in any case.
	for it := coll.maps[bpfMapProcesses].Iterate(); it.Next(&key, &p); {
		if key.Pid == pid && !has(p.Flags, bpfProcessFlagsPROCESS_EXITED) {
			return key, true
		}
	}
	return bpfProcessKey{}, false
}

// describe turns a process record, with what it refers to, into events.
func (coll *collection) describe(key bpfProcessKey, p *bpfProcess) []event.Body {
	var list []event.Body
	for _, table := range []string{bpfMapProgramsFirst, bpfMapPrograms} {
		var program bpfProgram
		if err := coll.maps[table].Lookup(unsafe.Pointer(&p.Program), unsafe.Pointer(&program)); err == nil {
			list = append(list, programEvent(&program.Rec).Body)
			break
		}
	}
	var cgroup bpfCgroupPath
	if err := coll.maps[bpfMapCgroups].Lookup(unsafe.Pointer(&p.Cgroup), unsafe.Pointer(&cgroup)); err == nil && cgroup.Complete != 0 {
		list = append(list, cgroupEvent(&cgroup.Rec).Body)
	}
	return append(list, processEvent(&bpfProcessRecord{
		Flags: p.Flags, Key: key, Parent: p.Parent, Program: p.Program, Cgroup: p.Cgroup,
		ExitNs: p.ExitNs, ExitCode: p.ExitCode, Uid: p.Uid, Owner: p.Owner, Comm: p.Comm,
	}).Body)
}
