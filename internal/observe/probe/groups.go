package probe

import "github.com/nsblame/nsblame/internal/event"

// group is a set of programs that make sense only together.
type group struct {
	// probe is what they are attached to.
	probe event.Probe
	// tracepoints are programs on tracepoints, by name.
	tracepoints []string
	// pairs are stems of programs at the entry and the return of a function,
	// entries of those at an entry alone, returns of those at a return alone, which
	// as kprobes need the entry too (bpf/probe.h). A group has either these or
	// tracepoints.
	pairs, entries, returns []string
	// module is the kernel module that has the function, empty for the kernel
	// itself.
	module string
	// loads is set if it is about modules that are loaded later.
	loads bool
	// required is set if there is no tracing without it.
	required bool
	// cost is set if it is loaded only when costs are asked for.
	cost bool
	// life is set if it serves only to say who held a namespace last. It is loaded
	// only when that is asked for.
	life bool
	// bus is set if it hears what is sent on buses. It is loaded unless that is not
	// wanted.
	bus bool
	// without says what is missing without it.
	without string
	// also is what else its programs see, if that has a coverage of its own. Another program,
	// on the same function, would take 0.2 s of a start.
	also sight
	// or are the groups that do the same, in order of preference. They are tried if
	// the kernel lacks the function or refuses the probe.
	or []group
}

// sight is something that programs see, by the name of a probe.
type sight struct {
	probe event.Probe
	// without says what is missing without it.
	without string
}

// sights are what the group sees.
func (g group) sights() []sight {
	list := []sight{{g.probe, g.without}}
	if g.also.probe != "" {
		list = append(list, g.also)
	}
	return list
}

const withoutNsproxy = "whether a namespace went with the last process in it is not told"

const withoutSplice = "whether something was spliced into a bus, where it cannot be read, is not told"

const withoutFree = "when the teardown of a namespace is finished is not seen"

// groups are all probes, in the order of attaching (see attach). The end of namespaces
// precedes their creation, so that none that was seen being created seems to stay.
var groups = []group{
	{probe: event.ProbeProcessFree, tracepoints: []string{bpfProgProcessFree}, required: true},
	{probe: event.ProbeProcessExit, tracepoints: []string{bpfProgProcessExit}, required: true},
	// before forks are seen, so that no child whose fork was seen has an exec that was not
	{probe: event.ProbeProcessExec, tracepoints: []string{bpfProgProcessExec}, required: true},
	{probe: event.ProbeProcessFork, tracepoints: []string{bpfProgProcessFork}, required: true},
	{
		probe: event.ProbeCgroupMove, tracepoints: []string{bpfProgProcessMoved},
		without: "the cgroup of an ancestor is the one that it had at its last fork or exec",
	},
	{
		// It is tried first. A kernel that has it may have one of the others too, but
		// inlined where it calls this one.
		probe: event.ProbeNsproxyFree, pairs: []string{"refs"}, life: true,
		without: withoutNsproxy,
		or: []group{
			{
				probe: event.ProbeFreeNsproxy, pairs: []string{"nsproxy"},
				without: withoutNsproxy,
			},
			{
				probe: event.ProbeDeactivateNsproxy, pairs: []string{"deactivate"},
				without: withoutNsproxy,
			},
		},
	},
	{
		// It does not only say who held a namespace: some releases are seen by it alone.
		probe: event.ProbeNsfs, pairs: []string{"nsfs"},
		without: "the release of a namespace that an open file or a mount held last may not be seen",
	},
	{
		probe: event.ProbeMount, pairs: []string{"mount"}, life: true,
		without: "mounts and open files that held a namespace last are not told apart",
	},
	{
		probe: event.ProbeNetFree, pairs: []string{"teardown"}, entries: []string{"free_net"},
		without: withoutFree,
		or: []group{
			{
				probe: event.ProbePassiveDec,
				pairs: []string{"teardown"}, entries: []string{"free_passive"},
				without: withoutFree,
			},
			{
				probe: event.ProbeFreeInum,
				pairs: []string{"teardown"}, entries: []string{"free_inum"},
				without: withoutFree,
			},
		},
	},
	{
		probe: event.ProbeRelease, entries: []string{"net_released"},
		without: "when and by whom a namespace is given up is not seen",
	},
	{
		probe: event.ProbeJoin, returns: []string{"join"},
		without: "who moves into a namespace by setns is not seen, nor for which pod a CNI plugin does",
	},
	{
		probe: event.ProbeModuleFree, tracepoints: []string{bpfProgModuleRemoved}, cost: true,
		without: "subsystems of modules that are removed may be named wrongly",
	},
	{
		probe: event.ProbeLock, pairs: []string{"lock"}, cost: true,
		without: "the wait for the lock is not told from the rest of a creation",
	},
	{
		probe: event.ProbeCost, pairs: []string{"cost"}, cost: true,
		without: "what each subsystem takes of a creation is not shown",
	},
	{
		probe: event.ProbeCreate, pairs: []string{"create"},
		required: true,
	},
	{
		probe: event.ProbeBus, returns: []string{"sent"}, bus: true,
		without: "who asked a service manager to start a unit is not known",
		also:    sight{event.ProbeEngines, "who asked a container engine for a container or a pod is not known"},
	},
	{
		probe: event.ProbeConnect, entries: []string{"connected"}, bus: true,
		without: "who connected to the socket of a unit is not known",
	},
	{
		probe: event.ProbeSendpage, entries: []string{"page_sent"}, bus: true,
		without: withoutSplice,
		or: []group{{
			probe: event.ProbeSplice, entries: []string{"spliced"}, bus: true,
			without: withoutSplice,
		}},
	},
	{
		probe: event.ProbePernetInit, pairs: []string{"pernet"},
		loads:   true,
		without: "what loading a module does to the namespaces that there are is not shown",
	},
	{
		probe: event.ProbeModuleLoad, tracepoints: []string{bpfProgModuleInited, bpfProgModuleGoes, bpfProgModuleComes},
		loads:   true,
		without: "modules that are loaded later are not noticed",
	},
	{
		probe: event.ProbeConntrack, pairs: []string{"conntrack"},
		module: "nf_conntrack", without: "what nf_conntrack takes of a creation is not shown",
	},
	{
		probe: event.ProbeIPVS, pairs: []string{"ipvs"},
		module: "ip_vs", without: "what ip_vs takes of a creation is not shown",
	},
}
