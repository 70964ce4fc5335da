package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Bounds of what is kept of the units that were there.
const (
	maxSuspects = 256
)

// Suspects are the units that had processes at the beginning of the stream and
// at its end, and that played no part in any creation: none of their processes
// made one, or descends to one that did, and no chain names them. Where requests to a
// container runtime were not heard, any unit may have made one.
type Suspects struct {
	// Known is set if the stream tells which units were there; Why says why not.
	Known bool
	Why   Reason
	// Cleared is set if nothing can have been missed. Otherwise Doubts say what,
	// and the units are only those that were not seen to create one.
	Cleared bool
	Doubts  []Reason
	// HeardEngines is set if requests to container engines were heard.
	HeardEngines bool
	// Unknown counts creations of which it is not known who asked for them: that
	// may have been any of the units.
	Unknown uint64
	// Units are the units, those first that are known to make network
	// namespaces. Others counts further ones.
	Units  []Suspect
	Others int
}

// Suspect is a unit that was there.
type Suspect struct {
	UnitRef
	// Processes is how many it had at the end.
	Processes uint32
}

// suspects collects who was there and who had a part in what.
type suspects struct {
	began, ended *bounded.Store[UnitRef, uint32]
	listed       [2]bool // at the beginning, at the end
	short        Reason  // why a list is not whole
	unplaced     uint32
	involved     *bounded.Store[UnitRef, bool]
	named        *bounded.Store[UnitRef, bool] // by chains
	unknown      uint64
	unplacedMade uint64
	cutLineage   uint64
	// marked are the cgroups whose units are known to have had a part.
	marked map[cgroupKey]bool
	// places and units are the latest that had a part.
	places latest[cgroup.Placement]
	units  latest[UnitRef]
	// heardEngines is set while requests to container engines are heard.
	heardEngines bool
	// unheard counts the namespaces of containers of which the request was not heard.
	unheard uint64
}

// cgroupKey is what the unit of a process follows from.
type cgroupKey struct {
	path      string
	delegated event.Delegation
}

// maxMarked bounds the cgroups whose units are not looked up again.
const maxMarked = 256

// newSuspects returns what has a budget for each list of units, in bytes.
func newSuspects(budget uint64) suspects {
	return suspects{
		marked: make(map[cgroupKey]bool),
		began:  bounded.NewStore[UnitRef, uint32](budget), ended: bounded.NewStore[UnitRef, uint32](budget),
		involved: bounded.NewStore[UnitRef, bool](budget), named: bounded.NewStore[UnitRef, bool](budget),
	}
}

func (s *suspects) active(a *event.Active) {
	to, at := s.began, 0
	if a.AtEnd {
		to, at = s.ended, 1
	}
	s.listed[at] = true
	s.unplaced += a.Unplaced
	if a.Why != "" {
		s.short = Reason{Text: a.Why}
	}
	for i := range a.Cgroups {
		p := &a.Cgroups[i]
		if p.Truncated {
			s.unplaced += p.Processes
			continue
		}
		place := cgroup.ParseDelegated(p.Path, p.Delegated)
		if place.Unit == "" || place.Unit == "init.scope" {
			continue
		}
		unit := unitRef(&place)
		n, _ := to.Get(unit)
		to.Put(unit, n+p.Processes, unit.share(), unit.size())
	}
	if to.Dropped() > 0 {
		s.short = Reason{Code: TooManyUnits}
	}
}

// involve takes out whoever had a part in a creation.
func (s *suspects) involve(k *finding.Attribution) {
	processes(k, func(p *lineage.Process) {
		if p.CgroupUnknown || p.CgroupTruncated {
			return
		}
		key := cgroupKey{p.Cgroup, p.CgroupDelegated}
		if s.marked[key] {
			return
		}
		if len(s.marked) == maxMarked {
			clear(s.marked)
		}
		s.marked[key] = true
		place := finding.Place(p)
		s.mark(&place)
	})
	s.mark(&k.Placement)
	s.mark(&k.Origin.Placement)
	for i := range k.Links {
		if l := &k.Links[i]; l.Unit != "" {
			s.name(linkRef(l, &k.Placement))
		}
	}
	if k.Origin.Trigger == finding.TriggerUnknown {
		s.unknown++
	}
	if k.For != nil && k.Origin.Why.Code == finding.ReasonEngineNotHeard {
		s.unheard++
	}
	s.engine(k)
	if k.Process.CgroupUnknown || k.Process.CgroupTruncated {
		s.unplacedMade++
	}
	if k.AncestryTruncated {
		s.cutLineage++
	}
}

// engineUnits are the units of the engines that make containers of a runtime. No
// process of theirs need be an ancestor of what they have made.
var engineUnits = map[string][]string{
	cgroup.RuntimeDocker:     {"docker.service", "docker.socket", "containerd.service"},
	cgroup.RuntimeBuildKit:   {"docker.service", "docker.socket", "containerd.service", "buildkit.service"},
	cgroup.RuntimeContainerd: {"containerd.service"},
	cgroup.RuntimeCRIO:       {"crio.service"},
	cgroup.RuntimePodman:     {"podman.service", "podman.socket"},
}

// engine takes out the engine that makes the machine's containers of such a runtime.
func (s *suspects) engine(k *finding.Attribution) {
	names := []string{}
	if c := k.Placement.Container; c != nil && !c.Claimed {
		names = append(names, c.Runtime)
	}
	if k.For != nil && k.For.Container != nil && k.Process.UID == 0 {
		names = append(names, k.For.Container.Runtime)
	}
	for _, name := range names {
		for _, unit := range engineUnits[name] {
			s.name(UnitRef{Unit: unit, Manager: event.ManagerSystem})
		}
	}
}

func (s *suspects) mark(place *cgroup.Placement) {
	if place.Unit == "" || s.places.has(place, s.left()) {
		return
	}
	unit := unitRef(place)
	s.involved.Put(unit, true, unit.share(), unit.size())
	if place.SystemUnit != place.Unit && place.SystemUnit != "" {
		s.name(UnitRef{Unit: place.SystemUnit, Manager: event.ManagerSystem})
	}
}

func (s *suspects) name(unit UnitRef) {
	if s.units.has(&unit, s.left()) {
		return
	}
	s.named.Put(unit.bare(), true, unit.share(), unit.size())
}

// left counts the units that had a part and found no room.
func (s *suspects) left() uint64 { return s.involved.Dropped() + s.named.Dropped() }

// latest are the last few that were put into a store: the same come again and again.
type latest[T comparable] struct {
	list [4]T
	next int
	left uint64
}

// has reports whether a value was put just before, and takes for granted that it is put
// now. left counts what the store has dropped since, after which nothing is certain.
func (l *latest[T]) has(v *T, left uint64) bool {
	if l.left != left {
		*l = latest[T]{left: left}
	}
	for i := range l.list {
		if l.list[i] == *v {
			return true
		}
	}
	l.list[l.next] = *v
	l.next = (l.next + 1) % len(l.list)
	return false
}

// actors is what must be visible for nobody to have been missed: who created a
// namespace, and who asked for it. Who moves in later, or runs which program, plays
// no part.
const actors = event.HiddenCreations | event.HiddenActors | event.HiddenRequests | event.HiddenOtherRequests | event.HiddenEngineRequests

// judge tells which units are cleared, and how far.
func (s *suspects) judge(r *Report) Suspects {
	out := Suspects{Unknown: s.unknown, Doubts: s.doubts(r), HeardEngines: s.heardEngines}
	out.Cleared = len(out.Doubts) == 0
	switch {
	case !s.listed[0]:
		out.Why = Reason{Code: NoUnitsAtBegin}
		return out
	case !s.listed[1]:
		out.Why = Reason{Code: NoUnitsAtEnd}
		return out
	}
	out.Known, out.Why = true, s.short
	if out.Why == (Reason{}) && s.unplaced > 0 {
		out.Why = Reason{Code: ProcessesUnplaced, Count: uint64(s.unplaced)}
	}
	s.ended.All(func(unit UnitRef, processes uint32) {
		if s.isSuspect(&unit) {
			out.Units = append(out.Units, Suspect{UnitRef: unit, Processes: processes})
		}
	})
	slices.SortFunc(out.Units, func(a, b Suspect) int {
		return cmp.Or(
			cmp.Compare(rank(&a.UnitRef), rank(&b.UnitRef)), cmp.Compare(a.Unit, b.Unit),
			cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.OwnerUID, b.OwnerUID),
		)
	})
	if more := len(out.Units) - maxSuspects; more > 0 {
		out.Units, out.Others = out.Units[:maxSuspects], more
	}
	return out
}

// isSuspect reports whether a unit was there from the beginning and had no part in
// anything.
func (s *suspects) isSuspect(unit *UnitRef) bool {
	_, before := s.began.Get(*unit)
	_, involved := s.involved.Get(*unit)
	_, named := s.named.Get(unit.bare())
	return before && !involved && !named
}

// doubts are the reasons for which something can have been missed.
func (s *suspects) doubts(r *Report) []Reason {
	var list []Reason
	doubt := func(code ReasonCode, count uint64) {
		if count > 0 {
			list = append(list, Reason{Code: code, Count: count})
		}
	}
	var lost uint64
	for kind, n := range r.Gaps.Lost {
		if kind.Hides(actors) {
			lost += n
		}
	}
	doubt(RecordsLost, lost)
	doubt(RecordingDamaged, r.Gaps.Damages)
	if !r.Whole {
		list = append(list, Reason{Code: StreamCutOff})
	}
	for _, probe := range r.Gaps.Dead {
		if probe.Probe.Shows(actors) {
			list = append(list, Reason{Code: ProbeNotLive, Probe: probe.Probe})
		}
	}
	if seen := r.Selected + r.FilteredOut; r.Whole && r.Seen > seen {
		doubt(CreationsUnseen, r.Seen-seen)
	}
	doubt(CreatorsUnplaced, s.unplacedMade)
	doubt(LineageCut, s.cutLineage)
	doubt(EnginesNotHeard, s.unheard)
	doubt(OriginsUnknown, s.unknown)
	if s.involved.Dropped()+s.named.Dropped() > 0 {
		list = append(list, Reason{Code: TooManyInvolved})
	}
	return list
}

// usual are the beginnings of the names of units that make network namespaces
// when they do what they are for, and so are suspected first.
var usual = []string{
	"kubelet", "kube-proxy", "k3s", "rke2", "containerd", "docker", "crio", "podman", "libpod", "buildkit",
	"lxc", "lxd", "incus", "libvirt", "virt", "machine-", "systemd-nspawn", "systemd-machined", "snap",
	"openvswitch", "ovs", "netplan", "NetworkManager", "systemd-networkd",
}

// rank puts the usual suspects first, in the order above. A user's unit of such a
// name is none.
func rank(unit *UnitRef) int {
	i := slices.IndexFunc(usual, func(prefix string) bool { return strings.HasPrefix(unit.Unit, prefix) })
	if i < 0 || !unit.machines() {
		return len(usual)
	}
	return i
}
