// Package survey takes an inventory of the network namespaces of the running
// machine: what the kernel's own list has, and what holds each.
package survey

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	libcap "kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/inventory"
	"github.com/nsblame/nsblame/internal/observe/clock"
	"github.com/nsblame/nsblame/internal/observe/container"
	"github.com/nsblame/nsblame/internal/observe/holders"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/netlist"
	"github.com/nsblame/nsblame/internal/observe/unsupported"
)

// Survey is what was found.
type Survey struct {
	// Builder has all of it.
	Builder *inventory.Builder
	// Host has the machine's boot id, clock and zone.
	Host *event.Host
	// NowNS is when the survey ended, nanoseconds since boot.
	NowNS uint64
	// Writers are the files that were asked about, true for those that some
	// process has open for writing.
	Writers map[string]bool
}

// Take looks at the machine. It notes whether somebody writes to the files with
// the absolute paths in watched. What cannot be seen is a gap in the inventory.
// An error means that there is no inventory.
func Take(ctx context.Context, watched []string) (*Survey, error) {
	host, err := hostFacts()
	if err != nil {
		return nil, err
	}
	t := &taker{b: inventory.NewBuilder(), host: host, writers: make(map[string]bool)}
	for _, path := range watched {
		t.writers[path] = false
	}
	t.hierarchy, err = kernel.CgroupHierarchy()
	if err != nil && !errors.Is(err, kernel.ErrNoHierarchy) {
		return nil, fmt.Errorf("which cgroup hierarchy names units: %w", err)
	}
	if root, err := kernel.CgroupRoot(t.hierarchy); err == nil {
		t.delegations, _ = holders.NewDelegations(root)
	}
	t.hidden()
	if err := t.look(ctx); err != nil {
		return nil, err
	}
	t.containers(ctx)
	return &Survey{Builder: t.b, Host: host, NowNS: clock.Boot(), Writers: t.writers}, nil
}

// taker is a survey under way.
type taker struct {
	b         *inventory.Builder
	host      *event.Host
	hierarchy kernel.Hierarchy
	// delegations is nil where no cgroups are mounted.
	delegations *holders.Delegations
	writers     map[string]bool
	// ownPIDs is set where the pids of /proc are not the kernel's.
	ownPIDs bool
	kernel  *netlist.Kernel
}

func (t *taker) look(ctx context.Context) (err error) {
	if t.kernel, err = netlist.Open(); err != nil {
		t.lacks(err)
	} else {
		defer func() { err = errors.Join(err, t.kernel.Close()) }()
	}
	before := t.list()
	if len(before) > 0 {
		t.b.Initial(before[0].Inum)
	}
	if err := t.processes(ctx, nil, t.writers); err != nil {
		return err
	}
	if t.kernel == nil {
		t.describe()
		return nil
	}
	// A process may have been missed, because it was forked behind the place in
	// /proc that was just read. So look again before saying that nothing holds
	// a namespace.
	if empty := t.b.Empty(before); len(empty) > 0 {
		only := make(map[uint32]bool)
		for _, inum := range empty {
			only[inum] = true
		}
		first := t.b.Gaps
		if err := t.processes(ctx, only, nil); err != nil {
			return err
		}
		t.b.Gaps.Recount(&first)
	}
	after := t.list()
	if t.kernel != nil {
		t.b.List(before, after)
	}
	t.describe()
	return nil
}

// processes looks at each once, and at what they have open.
func (t *taker) processes(ctx context.Context, only map[uint32]bool, writers map[string]bool) error {
	s := t.scan(only, writers)
	s.FilesKnown = t.files(only)
	if err := s.Run(ctx); err != nil {
		return fmt.Errorf("look at the processes: %w", err)
	}
	return nil
}

func (t *taker) scan(only map[uint32]bool, writers map[string]bool) *holders.Scan {
	return &holders.Scan{
		Hierarchy: t.hierarchy, Delegations: t.delegations, To: t.b, Only: only, Writers: writers, BootOfNS: t.bootOf,
	}
}

func (t *taker) describe() { t.b.Describe(t.scan(nil, nil).Complete) }

// containersTimeout bounds the look into the files of container runtimes.
const containersTimeout = 2 * time.Second

// containers looks up the containers that have processes in the namespaces.
func (t *taker) containers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, containersTimeout)
	defer cancel()
	var list []event.ContainerQuestion
	in := make(map[event.ContainerQuestion][]uint32)
	t.b.Namespaces(func(n *inventory.Namespace) {
		if n.Initial {
			return
		}
		for _, c := range n.ContainersOf() {
			q := event.ContainerQuestion{Runtime: c.Runtime, ID: c.ID}
			if in[q] == nil {
				list = append(list, q)
			}
			in[q] = append(in[q], n.Inum)
		}
	})
	for _, c := range container.Look(ctx, list) {
		if c.Why != "" {
			continue // its id is in its cgroup's path
		}
		for _, inum := range in[c.Question] {
			t.b.Container(inum, c)
		}
	}
}

// bootOf turns a time of the wall clock into one since boot.
func (t *taker) bootOf(wall int64) uint64 {
	ns := wall - t.host.ClockOffsetNS
	if ns <= 0 {
		return 0 // the clock was set meanwhile
	}
	return min(uint64(ns), clock.Boot())
}

// lacks notes that the kernel cannot be asked.
func (t *taker) lacks(err error) {
	if t.kernel != nil {
		_ = t.kernel.Close()
		t.kernel = nil
	}
	g := &t.b.Gaps
	g.Kernel = err.Error()
	var lack *unsupported.Error
	if errors.As(err, &lack) {
		g.Remedy = lack.Remedy
	}
}

// list reads the kernel's list.
func (t *taker) list() []inventory.Kernel {
	if t.kernel == nil {
		return nil
	}
	found, whole, err := t.kernel.Namespaces()
	if err != nil {
		t.lacks(err)
		return nil
	}
	t.b.Gaps.KernelCut = t.b.Gaps.KernelCut || !whole
	list := make([]inventory.Kernel, 0, len(found))
	for _, n := range found {
		list = append(list, inventory.Kernel{
			Inum: n.Inum, Cookie: n.Cookie, References: n.References, HasReferences: n.HasReferences,
			UserInum: n.UserInum, OwnerUID: n.OwnerUID,
		})
	}
	return list
}

// files asks the kernel for open files, and reports whether it answered. The
// kernel also knows files that only a thread has open, and the namespace of a
// socket.
func (t *taker) files(only map[uint32]bool) bool {
	if t.kernel == nil || t.ownPIDs {
		return false
	}
	found, cut, err := t.kernel.Files()
	if err != nil {
		t.lacks(err)
		return false
	}
	t.b.Gaps.Messages = max(t.b.Gaps.Messages, cut)
	scan := t.scan(nil, nil)
	for _, f := range found {
		if only != nil && !only[f.Inum] {
			continue
		}
		p, ok := scan.Known(f.Process)
		if !ok {
			continue // it has ended, and its files are closed
		}
		if f.TID != f.Process.PID {
			p.TID = f.TID
		}
		file := inventory.File{Process: p, FD: f.FD, Ino: f.Ino, Family: f.Family}
		switch f.Kind {
		case netlist.Socket:
			t.b.Socket(f.Inum, file)
		case netlist.Message:
			t.b.Message(f.Inum, file)
		case netlist.Nsfs:
			t.b.File(f.Inum, file)
			scan.Date(f.Inum, f.Process.PID, f.FD)
		}
	}
	return true
}

// hidden notes why there may be processes that /proc does not show.
func (t *taker) hidden() {
	g := &t.b.Gaps
	if initial, err := kernel.InInitialPIDNamespace(); err != nil || !initial {
		t.ownPIDs = true
		g.Hidden = inventory.HiddenPIDNamespace
	}
	caps, err := kernel.Capabilities()
	g.Rights = inventory.RightsPtrace
	if err == nil && caps.Has(libcap.SYS_PTRACE) {
		g.Rights = inventory.RightsUnconfined
	}
	if g.Hidden == "" && err == nil && !caps.Has(libcap.SYS_PTRACE) && hidesPIDs() {
		g.Hidden = inventory.HiddenHidepid
	}
}

// hidesPIDs reports whether /proc hides the processes of others.
func hidesPIDs() bool {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	hides := false
	for lines.Scan() {
		before, after, _ := strings.Cut(lines.Text(), " - proc ")
		// the last one mounted there is the one that is seen
		if fields := strings.Fields(before); after != "" && len(fields) > 4 && fields[4] == "/proc" {
			hides = strings.Contains(after, "hidepid=") && !strings.Contains(after, "hidepid=0") && !strings.Contains(after, "hidepid=off")
		}
	}
	return hides
}

func hostFacts() (*event.Host, error) {
	bootID, err := bootID()
	if err != nil {
		return nil, err
	}
	_, zone := time.Now().Zone()
	return &event.Host{
		BootID: bootID, ClockOffsetNS: clock.WallOffset(), UTCOffsetSeconds: zone,
	}, nil
}

// bootID identifies this boot of the machine.
func bootID() (string, error) {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}
