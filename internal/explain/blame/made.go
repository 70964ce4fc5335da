package blame

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/machinery"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// made is a creation by the machinery of a container: a run of that container, where it
// is known which.
type made struct {
	work   *machinery.Work
	serial serial
	// at is when it was made, until how long it is waited for what tells for whom.
	at, until uint64
	failed    bool
	// head is the process at the head of the work, zero where that is not known.
	head event.ProcessID
	// question is about its container. It has no ID where that is not known, or is not
	// asked about.
	question event.ContainerQuestion
	// before is the run of the same container before this one, nil if none was seen.
	before *made
	// pod is the pod that a CNI plugin of the engine's was called for, nil without one.
	// asked is the request for it, nil if none was seen.
	pod   *finding.Pod
	asked *request.EngineAsk
	// init is the first process of the container, zero where that is not known.
	// released is when the namespace was given up, 0 if it was not.
	init     event.ProcessID
	released uint64
}

// machines are the creations by machinery that may matter.
type machines struct {
	machine machinery.Machine
	// nameWait is how long a creation waits for what tells for whom it was made.
	nameWait uint64
	made     *bounded.Store[serial, *made]
	// latest is the latest run of each container.
	latest *bounded.Store[containerKey, serial]
	// guesses are the latest requests for pods that were given a namespace because none
	// other was open. What a plugin carries puts that right.
	guesses *bounded.Map[*event.EngineRequest, bool]
}

func newMachines() machines {
	return machines{
		made: bounded.NewStore[serial, *made](madeBudget).Hashing(serial.hash), latest: bounded.NewStore[containerKey, serial](latestBudget),
		guesses: bounded.NewMap[*event.EngineRequest, bool](maxGuesses),
	}
}

// maxGuesses bounds the requests that were guessed to be those of a namespace.
const maxGuesses = 64

const (
	madeSize = 512
	workSize = 256
)

func (m *made) size() uint64 {
	w := m.work
	size := madeSize + workSize + uint64(len(w.ID)+len(w.Name)+len(w.Bundle)+len(w.Namespace)) + lineage.SizeOf(w.Above)
	if w.Head != nil {
		size += w.Head.Size()
	}
	if m.pod != nil {
		size += uint64(len(m.pod.Namespace) + len(m.pod.Name) + len(m.pod.UID))
	}
	return size
}

// makes takes in that a process makes a namespace. If that is machinery, the facts of its
// container are asked for while they are there.
func (b *Blamer) makes(at uint64, n *event.NetnsCreate, p *lineage.Process, ancestry []lineage.Process) {
	work, ok := b.machine.Find(p, ancestry)
	if !ok {
		return
	}
	m := &made{work: work, serial: serial(n.Serial), at: at, until: at + n.DurationNS + b.nameWait, failed: n.Errno != 0}
	if work.Head != nil {
		m.head = work.Head.ID
		b.learnEngine(work.Head)
	}
	if work.ID == "" {
		work.ID = idByCgroup(p)
	}
	if work.ID != "" {
		b.runOfContainer(m)
	}
	b.made.Put(m.serial, m, event.Owner{}, m.size())
}

// idByCgroup is the id of the container by the cgroup of the machinery, empty where that
// does not tell, or where somebody else than the machine gave the name.
func idByCgroup(p *lineage.Process) string {
	pl := finding.Place(p)
	for _, c := range []*cgroup.Container{pl.Container, pl.Monitor} {
		if c != nil && !c.Claimed {
			return c.ID
		}
	}
	return ""
}

// haveFiles are the runtimes whose files are looked at, and those of docker's builds.
var haveFiles = []string{cgroup.RuntimeDocker, cgroup.RuntimeBuildKit, cgroup.RuntimeContainerd, cgroup.RuntimePodman, cgroup.RuntimeCRIO}

// runOfContainer finds the run of the container before this one, and asks about it.
func (b *Blamer) runOfContainer(m *made) {
	w := m.work
	key := containerKey{runtime: w.Runtime, namespace: w.Namespace, id: w.ID, realm: w.Realm.Owner}
	if before, ok := b.latest.Use(key); ok {
		if m.before, _ = b.made.Get(before); m.before != nil {
			m.before.before = nil
		}
	}
	if !m.failed {
		b.latest.Put(key, m.serial, event.Owner{}, uint64(len(w.ID)+len(w.Namespace)))
	}
	if !w.Realm.Machine || b.nameWait == 0 || !slices.Contains(haveFiles, w.Runtime) {
		return // the files of a user's containers are his own
	}
	m.question = event.ContainerQuestion{Runtime: w.Runtime, Namespace: w.Namespace, ID: w.ID, Bundle: w.Bundle}
	b.ask(m.question, m.at)
}

// use returns a creation by machinery, nil if it is none.
func (b *Blamer) use(n serial) *made {
	m, _ := b.made.Use(n)
	return m
}

// born takes in the first process of a container: the child of a clone, or the first that
// was forked in its namespace.
func (b *Blamer) born(n serial, child event.ProcessID) {
	if m := b.use(n); m != nil && m.init.IsZero() {
		m.init = child
	}
}

// release takes in that a namespace was given up.
func (b *Blamer) release(at uint64, n serial) {
	if m := b.use(n); m != nil {
		m.released = at
	}
}

// done takes in that a creation was shown. What matters later is little.
func (m *made) done() {
	m.work.Head, m.work.Above, m.before = nil, nil, nil
}

// endOf tells when a run of a container ended, 0 if that is not known, and how, nil
// likewise.
func (b *Blamer) endOf(m *made) (at uint64, code *uint32) {
	if p, ok := b.ends.Get(m.init); ok && !m.init.IsZero() && p.ExitNS != 0 {
		return p.ExitNS, &p.ExitCode
	}
	return m.released, nil
}
