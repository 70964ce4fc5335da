package model

import "github.com/nsblame/nsblame/internal/event"

// process is a process of the simulated machine.
type process struct {
	id      event.ProcessID
	parent  *process
	program *program
	comm    string
	uid     uint32
	cgroup  *group
	// older is set if it is older than nsblame.
	older    bool
	execs    uint32
	exited   bool
	exitNS   uint64
	exitCode uint32
	// shown is set while the stream has it as it is.
	shown bool
	// run is the run of a service that it belongs to, nil for others.
	run *run
}

// program is what a process runs.
type program struct {
	event.Program
	shown bool
}

// group is a cgroup.
type group struct {
	event.Cgroup
	shown bool
}

// processes makes them.
type processes struct {
	sim     *sim
	nextPID uint32
	nextCG  event.CgroupID
}

func (p *processes) newGroup(path string) *group {
	p.nextCG++
	return &group{Cgroup: event.Cgroup{ID: p.nextCG, Path: path}}
}

// fork makes a process that runs its parent's program.
func (p *processes) fork(parent *process, in *group, comm string, uid uint32) *process {
	p.nextPID += 1 + uint32(p.sim.rnd.IntN(3))
	return &process{
		id: event.ProcessID{PID: p.nextPID, StartNS: p.sim.now}, parent: parent, program: parent.program,
		comm: comm, uid: uid, cgroup: in, run: parent.run,
	}
}

// exec gives a process a program of its own.
func (p *process) exec(comm, exe string, argv ...string) {
	p.execs++
	source := event.SourceKernel
	exec := p.execs
	if p.older {
		source, exec = event.SourceProc, 0
	}
	p.comm, p.shown = comm, false
	p.program = &program{Program: event.Program{
		ID: event.ProgramID{Process: p.id, Exec: exec}, Exe: exe, Argv: argv, Source: source,
	}}
}

// spawn is a fork with an exec at once.
func (p *processes) spawn(parent *process, in *group, uid uint32, exe string, argv ...string) *process {
	child := p.fork(parent, in, argv[0], uid)
	child.exec(argv[0], exe, argv...)
	return child
}

// resident is a process that is older than nsblame.
func (p *processes) resident(parent *process, in *group, pid uint32, uid uint32, exe string, argv ...string) *process {
	child := &process{
		id: event.ProcessID{PID: pid, StartNS: uint64(pid) * ms}, parent: parent, comm: argv[0], uid: uid, cgroup: in, older: true,
	}
	child.exec(argv[0], exe, argv...)
	return child
}
