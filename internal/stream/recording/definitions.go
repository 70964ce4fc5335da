package recording

import (
	"cmp"
	"maps"
	"slices"
	"unsafe"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/blame"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// The budgets of what each segment restates, in bytes. All of it is written within
// one Write, while nobody empties the kernel's buffers, and a segment is eight times
// as long.
const (
	programBudget = 5824 << 10
	processBudget = 3 << 20
	cgroupBudget  = 1 << 20
	unitBudget    = 2 << 20
	// containerBudget holds what the files of some thousand containers say. A
	// machine that makes more within a segment has the oldest left out.
	containerBudget = 1 << 20
)

// Budgets returns the bounds of a Writer.
func Budgets() []bounded.Budget {
	return []bounded.Budget{
		{Name: "recording: programs to restate", Bytes: programBudget},
		{Name: "recording: processes to restate", Bytes: processBudget},
		{Name: "recording: cgroups to restate", Bytes: cgroupBudget},
		{Name: "recording: answers to restate", Bytes: unitBudget},
		{Name: "recording: containers to restate", Bytes: containerBudget},
		{Name: "recording: listeners of buses", Bytes: maxListeners * 96},
		{Name: "recording: blocks and their compression", Bytes: 2 * (blockBytes + longEvent + encoderWindow)},
	}
}

// longEvent is how long an event of a live source can be: an argument list or an
// answer, and what belongs to it.
const longEvent = 128 << 10

// definitions is what the stream has defined and not forgotten, within the budgets.
// What finds no room is not restated: whoever begins to read later does not know it.
type definitions struct {
	host      *event.Host
	coverage  map[event.Probe]*event.Coverage
	programs  *bounded.Store[event.ProgramID, *event.Program]
	processes *bounded.Store[event.ProcessID, *event.Process]
	cgroups   *bounded.Store[event.CgroupID, *event.Cgroup]
	// units are the answers about runs that still go on: blame asks once. runs has
	// the questions about each run.
	units *bounded.Store[event.Question, *event.Unit]
	runs  map[event.ProcessID]map[event.Question]bool
	// containers are what the files of runtimes said: blame asks once.
	containers *bounded.Store[event.ContainerQuestion, *event.Container]
	// listeners are those behind the buses, named those that the present segment
	// has named.
	listeners map[uint32]event.ProcessID
	named     map[uint32]bool
}

func newDefinitions() definitions {
	d := definitions{
		coverage:   make(map[event.Probe]*event.Coverage),
		programs:   bounded.NewStore[event.ProgramID, *event.Program](programBudget),
		processes:  bounded.NewStore[event.ProcessID, *event.Process](processBudget),
		cgroups:    bounded.NewStore[event.CgroupID, *event.Cgroup](cgroupBudget),
		units:      bounded.NewStore[event.Question, *event.Unit](unitBudget),
		runs:       make(map[event.ProcessID]map[event.Question]bool),
		containers: bounded.NewStore[event.ContainerQuestion, *event.Container](containerBudget),
		listeners:  make(map[uint32]event.ProcessID),
		named:      make(map[uint32]bool),
	}
	d.units.Drop = func(q event.Question, _ *event.Unit) { d.unlink(q) }
	return d
}

func (d *definitions) observe(body event.Body) {
	switch b := body.(type) {
	case *event.Host:
		host := *b
		d.host = &host
	case *event.Clock:
		if d.host != nil {
			d.host.ClockOffsetNS = b.OffsetNS
		}
	case *event.Coverage:
		d.coverage[b.Probe] = b
	case *event.Program:
		d.program(b)
	case *event.Process:
		owner := bounded.ShareOf(b)
		d.processes.Put(b.ID, b, owner, lineage.ProcessSize(b))
		if b.Program.Process == b.ID {
			d.programs.Own(b.Program, owner)
		}
	case *event.Cgroup:
		d.cgroups.Put(b.ID, b, bounded.ShareOfCgroup(b), lineage.CgroupSize(b))
	case *event.Unit:
		d.answer(b)
	case *event.Container:
		d.container(b)
	case *event.Forget:
		d.forget(b)
	}
}

// program keeps a program, of a long argument list only the beginning.
func (d *definitions) program(b *event.Program) {
	brief, _ := lineage.BriefProgram(b)
	owner, size := event.Owner{}, lineage.ProgramSize(brief)
	if p, known := d.processes.Get(b.ID.Process); known {
		owner = bounded.ShareOf(p)
	}
	if b.ID.Exec == 0 {
		// of all that runs at the beginning, what came first matters more
		d.programs.Offer(b.ID, brief, owner, size)
		return
	}
	d.programs.Put(b.ID, brief, owner, size)
}

func (d *definitions) forget(b *event.Forget) {
	if _, known := d.processes.Get(b.Process); known {
		d.forgetRun(b.Process)
	}
	d.processes.Delete(b.Process)
	d.programs.Delete(b.Program)
	d.cgroups.Delete(b.Cgroup)
}

// answer keeps an answer, the latest to each question.
func (d *definitions) answer(u *event.Unit) {
	q := u.Question
	if d.runs[q.Run] == nil {
		d.runs[q.Run] = make(map[event.Question]bool)
	}
	d.runs[q.Run][q] = true
	owner := bounded.ShareOfUser(0)
	if q.Manager == event.ManagerUser {
		owner = bounded.ShareOfUser(q.UID)
	}
	d.units.Put(q, u, owner, blame.UnitSize(u)+indexSize)
}

// container keeps what the files of a runtime said about a container. When they are gone,
// what they said is still true of it.
func (d *definitions) container(b *event.Container) {
	if known, ok := d.containers.Get(b.Question); ok && known.Why == "" && b.Why != "" {
		return
	}
	d.containers.Put(b.Question, b, bounded.ShareOfUser(0), containerSize(b))
}

// containerSize is what the answer about a container takes, in bytes.
func containerSize(n *event.Container) uint64 {
	size := uint64(unsafe.Sizeof(*n))
	for _, text := range []string{
		n.Question.Runtime, n.Question.Namespace, n.Question.ID, n.Question.Bundle,
		n.Why, n.Name, n.Image, n.RestartPolicy, n.ComposeProject, n.ComposeService,
		n.PodNamespace, n.PodName, n.PodUID, n.Sandbox, n.NetnsPath,
	} {
		size += uint64(len(text))
	}
	return size
}

// indexSize is what an answer costs in the index by its run.
const indexSize = 160

// forgetRun drops the answers about a run that nothing will refer to any more.
func (d *definitions) forgetRun(run event.ProcessID) {
	for q := range d.runs[run] {
		d.units.Delete(q)
	}
	delete(d.runs, run)
}

// unlink takes a question that was dropped out of the index.
func (d *definitions) unlink(q event.Question) {
	delete(d.runs[q.Run], q)
	if len(d.runs[q.Run]) == 0 {
		delete(d.runs, q.Run)
	}
}

// maxListeners bounds the buses whose listener is remembered.
const maxListeners = 1 << 12

// listening makes the first message to a bus in each segment name the listener.
// The stream itself names it once.
func (d *definitions) listening(rec record, b *event.BusMessage) record {
	if !b.Listener.IsZero() {
		if len(d.listeners) >= maxListeners {
			clear(d.listeners)
		}
		d.listeners[b.Bus], d.named[b.Bus] = b.Listener, true
		return rec
	}
	listener, known := d.listeners[b.Bus]
	if !known || d.named[b.Bus] || b.FromBus {
		return rec
	}
	d.named[b.Bus] = true
	with := *b
	with.Listener = listener
	return record{bootNS: rec.bootNS, restated: true, body: &with}
}

func (d *definitions) newSegment() { clear(d.named) }

// list returns what has to be restated. What others refer to comes first.
func (d *definitions) list() []any {
	var list []any
	if d.host != nil {
		host := *d.host // it changes with the clock
		list = append(list, &host)
	}
	for _, probe := range slices.Sorted(maps.Keys(d.coverage)) {
		list = append(list, d.coverage[probe])
	}
	list = appendSorted(list, d.cgroups, cmp.Compare)
	list = appendSorted(list, d.programs, compareProgram)
	list = appendSorted(list, d.processes, compareProcess)
	list = appendSorted(list, d.units, compareQuestion)
	return appendSorted(list, d.containers, compareContainerQuestion)
}

// appendSorted appends the values of a store in the order of their keys.
func appendSorted[K comparable, V any](list []any, s *bounded.Store[K, V], order func(K, K) int) []any {
	keys := make([]K, 0, s.Len())
	s.All(func(k K, _ V) { keys = append(keys, k) })
	slices.SortFunc(keys, order)
	for _, k := range keys {
		v, _ := s.Get(k)
		list = append(list, v)
	}
	return list
}

func compareQuestion(a, b event.Question) int {
	return cmp.Or(
		compareProcess(a.Run, b.Run), cmp.Compare(a.Cgroup, b.Cgroup), cmp.Compare(a.Unit, b.Unit),
		cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.UID, b.UID),
	)
}

func compareContainerQuestion(a, b event.ContainerQuestion) int {
	return cmp.Or(
		cmp.Compare(a.ID, b.ID), cmp.Compare(a.Runtime, b.Runtime),
		cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Bundle, b.Bundle),
	)
}

func compareProcess(a, b event.ProcessID) int {
	return cmp.Or(cmp.Compare(a.StartNS, b.StartNS), cmp.Compare(a.PID, b.PID))
}

func compareProgram(a, b event.ProgramID) int {
	return cmp.Or(compareProcess(a.Process, b.Process), cmp.Compare(a.Exec, b.Exec))
}
