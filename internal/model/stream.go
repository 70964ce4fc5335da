package model

import "github.com/nsblame/nsblame/internal/event"

// pidNamespace is the machine's own.
const pidNamespace = 4026531836

// stream is what nsblame sees: the events that the probes write.
type stream struct {
	sim *sim
	out []event.Event
	// next is the first of out that was not read.
	next   int
	serial uint64
}

func (s *stream) put(at uint64, b event.Body) {
	s.out = append(s.out, event.Event{BootNS: at, Body: b})
}

// show writes what the stream does not have yet of a process and its ancestors. The
// kernel part does so before each record that refers to one.
func (s *stream) show(p *process) {
	if p == nil {
		return
	}
	for ; p != nil && !p.shown; p = p.parent {
		if prog := p.program; !prog.shown {
			prog.shown = true
			s.put(s.sim.now, &prog.Program)
		}
		if !p.cgroup.shown {
			p.cgroup.shown = true
			s.put(s.sim.now, &p.cgroup.Cgroup)
		}
		s.put(s.sim.now, p.event())
		p.shown = true
	}
}

func (p *process) event() *event.Process {
	e := &event.Process{
		ID: p.id, Program: p.program.ID, Comm: p.comm, UID: p.uid, Cgroup: p.cgroup.ID, Preexisting: p.older,
		Owner:  p.owner(),
		Exited: p.exited, ExitNS: p.exitNS, ExitCode: p.exitCode,
	}
	if p.parent != nil {
		e.Parent = p.parent.id
	}
	return e
}

// owner is who answers for the process.
func (p *process) owner() event.Owner { return event.Owner{UID: p.uid, PIDNamespace: pidNamespace} }

// created writes the creation of a network namespace that began at a time and is
// done now. It returns its serial.
func (s *stream) created(p *process, began uint64) uint64 {
	s.show(p)
	s.serial++
	s.put(began, &event.NetnsCreate{
		Serial: s.serial, Creator: p.id, TID: p.id.PID, Comm: p.comm, UID: p.uid, Cgroup: p.cgroup.ID, Call: event.CallUnshare,
		Inum: 4026532000 + uint32(s.serial), Cookie: 100 + s.serial, ParentInum: 4026531840, DurationNS: s.sim.now - began,
	})
	return s.serial
}

// execed writes the exec of a process that created a namespace.
func (s *stream) execed(p *process, serial uint64) {
	s.show(p)
	s.put(s.sim.now, &event.Exec{Process: p.id, Serial: serial})
}

// exited writes the end of a process that created a namespace.
func (s *stream) exited(p *process) {
	s.show(p)
	s.put(s.sim.now, &event.Exit{Process: p.id})
}
