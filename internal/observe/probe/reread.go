package probe

import (
	"errors"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/procfs"
)

// maxGivenUp bounds the processes whose command lines are read again.
const maxGivenUp = 1024

// givenUp are the processes that are older than nsblame and whose command lines could not
// be read in time: an overloaded machine takes longer than the start may take. They are
// read again once an event is about one of them. Otherwise an engine would stay unknown,
// and would be blamed itself for all that others ask of it.
type givenUp map[event.ProcessID]bool

// add takes in a process, if that is why it could not be read.
func (g givenUp) add(id event.ProcessID, err error) {
	if errors.Is(err, procfs.ErrGivenUp) && len(g) < maxGivenUp {
		g[id] = true
	}
}

// again reads a process that was given up. It returns false where there is nothing new.
func (g givenUp) again(id event.ProcessID, read func(event.ProcessID) (event.Program, error)) (event.Program, bool) {
	if !g[id] {
		return event.Program{}, false
	}
	prog, err := read(id)
	if errors.Is(err, procfs.ErrGivenUp) {
		return event.Program{}, false
	}
	delete(g, id)
	return prog, err == nil
}

// readAgain puts the program of a process into the stream that was given up, before the
// event of that time that is about the process.
func (s *Source) readAgain(id event.ProcessID, at uint64) {
	prog, ok := s.givenUp.again(id, s.proc.Program)
	if ok && s.runs(event.ProgramID{Process: id}) {
		s.manifests.prepare(&prog)
		s.taken = append(s.taken, event.Event{BootNS: at, Body: &prog})
	}
}

// completeProcess reads again what runs in a process.
func (s *Source) completeProcess(r *bpfProcessRecord, p *event.Process) {
	if p.Program == (event.ProgramID{Process: p.ID}) {
		s.readAgain(p.ID, r.BootNs)
	}
}
