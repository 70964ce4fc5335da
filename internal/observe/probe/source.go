package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	libcap "kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/clock"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/procfs"
)

// Options of a live source.
type Options struct {
	// BufferSize is the size of the ring buffer in bytes. It is rounded up to what
	// the kernel takes: a power of two, at least a page. 0 stands for
	// DefaultBufferSize.
	BufferSize int
	// ExecWait is how long a creation may wait for the exec that follows. It
	// is passed on in the stream.
	ExecWait time.Duration
	// StartWait likewise, for a process that a service manager starts.
	StartWait time.Duration
	// NameWait likewise, for the name of the container or pod that a container runtime
	// creates for.
	NameWait time.Duration
	// NoBus leaves the probe on the buses out.
	NoBus bool
	// Cost measures what each creation is made of.
	Cost bool
	// Life reports who joins namespaces and who held them last. Without it, the
	// probes that serve only this are left out, and no coverage mentions them. Of
	// joins by setns, only those of CNI plugins are reported then.
	Life bool
	// Attach says how functions of the kernel are probed.
	Attach Attach
	// Version is nsblame's own, for the stream's head.
	Version string
}

// DefaultBufferSize holds some 2,500 creations that nobody has read yet. It is mapped
// twice, and so counts twice in the memory of nsblame.
const DefaultBufferSize = 4 << 20

// The sizes of the tables. Their sum is a part of what nsblame may take (see Budgets).
// Most memory is taken as they fill.
const (
	// maxProcesses bounds the processes: the living, and the dead that have living
	// descendants.
	maxProcesses = 1 << 16
	// maxPrograms bounds the programs that those have called exec for, beside the first
	// ones, whose memory is taken at the start.
	maxPrograms = 5 << 10
	// maxCgroups bounds the paths of the cgroups that those are in.
	maxCgroups = 1 << 12
	// maxPreallocated bounds the processes if memory is taken at once.
	maxPreallocated = 1 << 15
)

// Source is the live stream. Its methods are for one goroutine, unless they say
// otherwise.
type Source struct {
	collection *collection
	rings      *rings
	merger     *merger
	defined    *defined
	unfreed    unfreed
	proc       *procfs.Reader
	queue      []event.Event
	lossDeltas lossDeltas
	buses      buses
	engines    engines
	manifests  manifests
	givenUp    givenUp
	watch      *engineWatch
	// engineMethod is how the probe on what is sent to engines is attached.
	engineMethod string
	costs        costs
	bad          uint64
	clock        wallClock
	stop         sync.Once
	stopErr      error
	stopped      atomic.Bool
	ended        bool
	// taken are the events that the latest record became.
	taken []event.Event
	// throttled is set if the looks into the ring buffers are spaced out. emptied is set
	// if the latest look has read all that was there. left is set if it has left
	// something.
	throttled     bool
	throttle      throttle
	emptied, left bool
	// behind is set while probes have to be attached or detached for a module.
	behind   bool
	mu       sync.Mutex
	injected []event.Body
	// wakeAt is the time for which WakeAt was called.
	wakeAt uint64
	// last is the latest time in the stream.
	last uint64
	// askedSkips is when the skipped runs of all probes were last asked for.
	askedSkips time.Time
}

// Open attaches the probes. From its return on, every creation of a network namespace
// is in the stream. It returns a *unsupported.Error if this kernel or the rights
// of this process do not allow it.
func Open(opt Options) (*Source, error) {
	if err := kernel.Permitted(); err != nil {
		return nil, err
	}
	hierarchy, err := kernel.CgroupHierarchy()
	if err != nil && !errors.Is(err, kernel.ErrNoHierarchy) {
		return nil, err
	}
	coll, err := newCollection(choose(opt, hierarchy))
	if err != nil {
		return nil, err
	}
	s := &Source{collection: coll, defined: newDefined(coll.exists), proc: procfs.NewReader(procfs.Default(), procfs.Impatient)}
	s.throttled = ringSize(opt.BufferSize) >= throttledSize
	s.costs = costs{removed: coll.modulesRemoved, symbols: kernel.Symbols}
	if err := s.start(opt, hierarchy); err != nil {
		return nil, errors.Join(err, coll.Close())
	}
	return s, nil
}

// choose returns the settings for these options, on this machine.
func choose(opt Options, hierarchy kernel.Hierarchy) settings {
	set := settings{
		ring:      ringSize(opt.BufferSize),
		processes: maxProcesses,
		programs:  maxPrograms,
		cgroups:   maxCgroups,
		hierarchy: hierarchy,
		attach:    opt.Attach,
		preempts:  kernel.MayPreempt(),
		cost:      opt.Cost,
		life:      opt.Life,
	}
	if opt.Attach == AttachFentry || !kernel.KprobesNeedPreallocation() {
		return set
	}
	if opt.Attach != AttachKprobe && kernel.HasFentry() {
		set.fentryOnly = true
		return set
	}
	set.attach, set.preallocate = AttachKprobe, true
	set.processes = maxPreallocated
	return set
}

func (s *Source) start(opt Options, hierarchy kernel.Hierarchy) error {
	s.collection.noBus = opt.NoBus
	sweep()
	table := &engineTable{coll: s.collection}
	watch := newEngineWatch(table.put, table.remove, s.tellEngineGap)
	before, err := s.collection.attach()
	if err != nil {
		return err
	}
	if err := s.collection.forget(); err != nil {
		return err
	}
	// All pages of the ring buffers count from when they are mapped. So what only the start
	// needed is given back before.
	debug.FreeOSMemory()
	if s.rings, err = s.collection.openRings(); err != nil {
		return err
	}
	if how, ok := s.collection.attachedBy(event.ProbeEngines); ok {
		s.watch, s.engineMethod = watch, how
		go watch.run()
	}
	s.merger = newMerger(s.take, s.rings.bus, s.rings.story)
	host, err := hostFacts(opt, hierarchy)
	if err != nil {
		return err
	}
	s.clock = wallClock{offset: host.ClockOffsetNS, checked: clock.Boot()}
	s.push(host)
	for i := range s.collection.coverage {
		s.push(&s.collection.coverage[i])
	}
	// now, while they are there: a process may end with the creation that makes it
	// of interest
	s.pushProgramsBefore(before)
	s.pushActive(false)
	return nil
}

// Needs are the capabilities that the source still needs once the probes are attached.
// CAP_BPF is for reading the tables, on kernels before 5.19 that keep BPF from ordinary
// users. CAP_PERFMON and CAP_SYSLOG, and on some kernels CAP_SYS_ADMIN, are for
// attaching to what is not there yet. The others are for reading /proc. If the process
// lacks CAP_BPF or CAP_PERFMON, CAP_SYS_ADMIN stands in for them.
func (s *Source) Needs() []libcap.Value {
	list := []libcap.Value{
		libcap.BPF, libcap.PERFMON, libcap.SYSLOG, libcap.SYS_PTRACE, libcap.DAC_READ_SEARCH,
	}
	has, err := kernel.Capabilities()
	standsIn := err != nil || !has.Has(libcap.BPF) || !has.Has(libcap.PERFMON)
	if standsIn || len(s.collection.moduleProbes) > 0 && kernel.PerfTakesAdmin() {
		list = append(list, libcap.SYS_ADMIN)
	}
	return list
}

// ringSize rounds up to a power of two of at least one page.
func ringSize(want int) int {
	if want == 0 {
		want = DefaultBufferSize
	}
	size := os.Getpagesize()
	for size < want {
		size *= 2
	}
	return size
}

func hostFacts(opt Options, hierarchy kernel.Hierarchy) (*event.Host, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, fmt.Errorf("uname: %w", err)
	}
	bootID, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("read the boot id: %w", err)
	}
	_, zone := time.Now().Zone()
	return &event.Host{
		Version:          opt.Version,
		Hostname:         unix.ByteSliceToString(uts.Nodename[:]),
		Kernel:           unix.ByteSliceToString(uts.Release[:]),
		Arch:             runtime.GOARCH,
		BootID:           string(bootID[:max(0, len(bootID)-1)]),
		MachineID:        machineID(),
		ClockOffsetNS:    clock.WallOffset(),
		UTCOffsetSeconds: zone,
		CgroupHierarchy:  string(hierarchy),
		ExecWaitNS:       uint64(opt.ExecWait),
		StartWaitNS:      uint64(opt.StartWait),
		NameWaitNS:       uint64(opt.NameWait),
	}, nil
}

// push appends an event that user space makes to those that are due.
func (s *Source) push(body event.Body) {
	s.queue = append(s.queue, event.Event{BootNS: clock.Boot(), Body: body})
}

// Next returns the next event. It blocks until there is one, and returns
// io.EOF once the stream has ended: after the probes were detached, or when ctx is done.
func (s *Source) Next(ctx context.Context) (event.Event, error) {
	if len(s.queue) == 0 {
		cancel := context.AfterFunc(ctx, func() { _ = s.detach() })
		defer cancel()
	}
	for len(s.queue) == 0 {
		if s.ended {
			if s.queue = s.takeInjected(s.queue[:0]); len(s.queue) > 0 {
				break
			}
			return event.Event{}, io.EOF
		}
		if err := s.fill(); err != nil {
			return event.Event{}, err
		}
	}
	ev := s.queue[0]
	s.queue = s.queue[1:]
	return ev, nil
}

// Waits reports whether the next event is not there yet, so that Next may wait.
func (s *Source) Waits() bool { return len(s.queue) == 0 }

// takeCost keeps a cost until its creation comes.
func (s *Source) takeCost(raw []byte) error {
	return s.costs.take(raw, !s.collection.live(event.ProbeLock))
}

// completeCreate adds the cost, which has come just before.
func (s *Source) completeCreate(r *bpfCreateRecord, c *event.NetnsCreate) {
	c.Cost = s.costs.of(r.Tid, r.BootNs)
}

// completeRelease says less of a release if no probe tells a mount from a file.
func (s *Source) completeRelease(_ *bpfReleaseRecord, r *event.NetnsRelease) {
	if r.Held == event.HeldFile && !s.collection.live(event.ProbeMount) {
		r.Held = event.HeldNsfs
	}
	if !s.collection.set.life {
		r.Joins = 0 // those by setns are not counted
	}
}

// pushProgramsBefore reads the command lines of processes that are older than nsblame.
// If one called exec after it was listed, /proc shows the new program, which the process
// table has anyway.
func (s *Source) pushProgramsBefore(list []event.ProcessID) {
	reader := procfs.NewReader(procfs.Default(), procfs.Patient)
	s.givenUp = givenUp{}
	reader.Programs(list, func(i int, prog event.Program, err error) {
		id := event.ProgramID{Process: list[i]}
		s.givenUp.add(list[i], err)
		if err != nil || !s.runs(id) {
			prog = event.Program{ID: id, ArgvUnread: true, Source: event.SourceProc}
		}
		s.manifests.prepare(&prog)
		s.push(&prog)
	})
}

// completeProgram fills from /proc what was cut or not read, if the process still lives
// and runs that program.
func (s *Source) completeProgram(_ *bpfProgramRecord, prog *event.Program) {
	if !prog.ArgvTruncated && !prog.ArgvUnread && !prog.ExeTruncated {
		return
	}
	read, err := s.proc.Program(prog.ID.Process)
	if err != nil || !s.runs(prog.ID) || !continues(prog.Argv, read.Argv) {
		return
	}
	prog.Argv, prog.ArgvTruncated, prog.ArgvUnread = read.Argv, read.ArgvTruncated, false
	if prog.ExeTruncated && read.Exe != "" {
		prog.Exe, prog.ExeTruncated = read.Exe, false
	}
	prog.Source = event.SourceProc
}

// continues reports whether a list of arguments begins with part, which may end within
// an argument. A process can overwrite its own arguments.
func continues(part, whole []string) bool {
	if len(part) > len(whole) {
		return false
	}
	for i, arg := range part {
		if arg == whole[i] {
			continue
		}
		last := i == len(part)-1
		if !last || len(whole[i]) < len(arg) || whole[i][:len(arg)] != arg {
			return false
		}
	}
	return true
}

// runs reports whether by the process table the process runs that program now.
func (s *Source) runs(id event.ProgramID) bool {
	key := bpfProcessKey{StartNs: id.Process.StartNS, Pid: id.Process.PID}
	var p bpfProcess
	if err := s.collection.maps[bpfMapProcesses].Lookup(unsafe.Pointer(&key), unsafe.Pointer(&p)); err != nil {
		return false
	}
	return programID(p.Program) == id
}

// skipsEvery is how often at most the skipped runs of all probes are asked for.
const skipsEvery = time.Second

// account reports what was lost since its last call, and a step of the wall clock.
func (s *Source) account() error {
	losses, err := s.collection.losses(&s.lossDeltas)
	if err != nil {
		return err
	}
	for _, loss := range losses {
		s.push(loss)
		if loss.Kind == event.LossForget {
			s.defined.compareAll()
		}
	}
	if loss := s.lossDeltas.since(event.LossRecord, s.bad); loss != nil {
		s.push(loss)
	}
	// that of the buses at once, for conclusions are drawn from what was not said
	// there
	all := s.ended || time.Since(s.askedSkips) >= skipsEvery
	if all {
		s.askedSkips = time.Now()
	}
	skipped, err := s.collection.skipped(all)
	if err != nil {
		return err
	}
	if loss := s.lossDeltas.since(event.LossBusSkipped, skipped.bus); loss != nil {
		s.push(loss)
	}
	if loss := s.lossDeltas.since(event.LossSkipped, skipped.other); loss != nil {
		s.push(loss)
	}
	if !s.ended {
		// If it fails, tables fill sooner, which is counted.
		_ = s.unfreed.check(s.collection, skipped.free, time.Now())
	}
	s.checkClock(clock.Boot())
	return nil
}

// checkClock reports a step of the wall clock, as of that time since boot.
func (s *Source) checkClock(at uint64) {
	if s.clock.stepped(clock.WallOffset(), clock.Boot()) {
		s.queue = append(s.queue, event.Event{BootNS: at, Body: &event.Clock{OffsetNS: s.clock.offset}})
	}
}

// finish closes the stream.
func (s *Source) finish() error {
	if err := s.account(); err != nil {
		return err
	}
	sums, err := s.collection.tally()
	if err != nil {
		return err
	}
	if s.collection.set.life {
		if err := s.pushJoins(); err != nil {
			return err
		}
	}
	s.pushActive(true)
	s.push(&event.End{Seen: sums[bpfCounterCOUNT_SEEN]})
	return nil
}

// Inject puts events of another source into the stream, at the place that it has
// reached. It may be called from any goroutine.
func (s *Source) Inject(list ...event.Body) error {
	s.mu.Lock()
	s.injected = append(s.injected, list...)
	s.mu.Unlock()
	return s.wake()
}

// wake ends what Next waits for.
func (s *Source) wake() error { return s.rings.wake() }

func (s *Source) takeInjected(queue []event.Event) []event.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, body := range s.injected {
		// Not later than what the ring buffer still holds, so that time does not seem
		// to go back.
		queue = append(queue, event.Event{BootNS: s.last, Body: body})
		s.defined.observe(body)
	}
	s.injected = nil
	return queue
}

// WakeAt asks for a Clock event at that time since boot, in nanoseconds, unless
// something else comes first. 0 asks for none.
func (s *Source) WakeAt(boot uint64) { s.wakeAt = boot }

// detach detaches the probes. What they have sent until then can still be read
// with Next, up to io.EOF. It may be called from any goroutine.
func (s *Source) detach() error {
	s.stop.Do(func() {
		err := s.collection.detach()
		s.stopped.Store(true)
		s.stopErr = errors.Join(err, s.wake())
	})
	return s.stopErr
}

// Close detaches the probes and frees what the kernel holds for them.
func (s *Source) Close() error {
	if s.watch != nil {
		s.watch.Close()
	}
	return errors.Join(s.detach(), s.rings.Close(), s.collection.Close())
}
