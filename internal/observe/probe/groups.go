package probe

// group is a set of programs that make sense only together.
type group struct {
	// probe is what they are attached to, by the name that the user sees.
	probe string
	// tracepoints are programs on tracepoints, by name.
	tracepoints []string
	// pairs are stems of programs at the entry and the return of a function,
	// entries of those at an entry alone (bpf/probe.h). A group has either
	// these or tracepoints.
	pairs, entries []string
	// module is the kernel module that has the function, empty for the kernel
	// itself.
	module string
	// loads is set where it is about modules that are loaded later.
	loads bool
	// required is set where there is no tracing without it.
	required bool
	// ifPresent is set where a kernel may lack the function, and only that is
	// forgiven: the programs that rely on it were told so (setVariables).
	ifPresent bool
	// cost is set for what is only loaded if what creations are made of is
	// asked for.
	cost bool
	// without says what is missing without it.
	without string
	// or are the groups that do the same, in order of preference, where the
	// kernel lacks the function or refuses the probe.
	or []group
}

const (
	// busProbe is the probe that hears the buses.
	busProbe = "unix_stream_sendmsg"
	// unshareProbe tells unshare from clone.
	unshareProbe = "unshare_nsproxy_namespaces"
	// conntrackProbe times nf_conntrack, ipvsProbe ip_vs.
	conntrackProbe = "nf_conntrack_init_net"
	ipvsProbe      = "__ip_vs_init"
	// opsProbe times what a module does to namespaces until it has such a probe.
	opsProbe = "ops_init"
	// releaseProbe sees the last reference to a namespace go.
	releaseProbe = "__put_net"
	// lockProbe sees the wait for the lock of creations.
	lockProbe = "rwsem_down_read_slowpath"
	// mountProbe tells a mount from an open file.
	mountProbe = "cleanup_mnt"
)

const withoutNsproxy = "whether a namespace went with the last process in it is not told"

const withoutFree = "when the teardown of a namespace is finished is not seen"

// groups are all probes, in the order of attaching (see attach). The exit of
// copy_net_ns goes before its entry, so that nothing is noted that nobody
// picks up, and the end of namespaces before both, so that none that was seen
// to be created seems to stay.
var groups = []group{
	{probe: "sched_process_free", tracepoints: []string{bpfProgProcessFree}, required: true},
	{probe: "sched_process_exit", tracepoints: []string{bpfProgProcessExit}, required: true},
	{probe: "sched_process_fork", tracepoints: []string{bpfProgProcessFork}, required: true},
	{probe: "sched_process_exec", tracepoints: []string{bpfProgProcessExec}, required: true},
	{
		probe: "cgroup_attach_task", tracepoints: []string{bpfProgProcessMoved},
		without: "the cgroup of an ancestor is the one that it had at its last fork or exec",
	},
	{
		// It goes first: a kernel that has it may have one of the others too,
		// and calls it from where that was put inline.
		probe: "nsproxy_free", pairs: []string{"refs"},
		without: withoutNsproxy,
		or: []group{
			{
				probe: "free_nsproxy", pairs: []string{"nsproxy"},
				without: withoutNsproxy,
			},
			{
				probe: "deactivate_nsproxy", pairs: []string{"deactivate"},
				without: withoutNsproxy,
			},
		},
	},
	{
		probe: "netns_put", pairs: []string{"nsfs"},
		without: "the release of a namespace that an open file or a mount held last may not be seen",
	},
	{
		probe: mountProbe, pairs: []string{"mount"},
		without: "mounts and open files that held a namespace last are not told apart",
	},
	{
		probe: "net_free", pairs: []string{"teardown"}, entries: []string{"free_net"},
		without: withoutFree,
		or: []group{
			{
				probe: "net_passive_dec",
				pairs: []string{"teardown"}, entries: []string{"free_passive"},
				without: withoutFree,
			},
			{
				probe: "proc_free_inum",
				pairs: []string{"teardown"}, entries: []string{"free_inum"},
				without: withoutFree,
			},
		},
	},
	{
		probe: releaseProbe, entries: []string{"net_released"},
		without: "when and by whom a namespace is given up is not seen",
	},
	{
		probe: "netns_install", pairs: []string{"join"},
		without: "who moves into a namespace by setns is not seen",
	},
	{
		probe: "module_free", tracepoints: []string{bpfProgModuleRemoved}, cost: true,
		without: "subsystems of modules that are removed may be named wrongly",
	},
	{
		probe: lockProbe, pairs: []string{"lock"}, cost: true,
		without: "the wait for the lock is not told from the rest of a creation",
	},
	{
		probe: "ops_init", pairs: []string{"cost"}, cost: true,
		without: "what each subsystem takes of a creation is not shown",
	},
	{
		probe: unshareProbe, pairs: []string{"unshare"},
		required: true, ifPresent: true,
		without: "unshare and clone are not told apart",
	},
	{
		probe: "copy_net_ns", pairs: []string{"create"},
		required: true,
	},
	{
		probe: busProbe, entries: []string{"send"},
		without: "who asked a service manager to start a unit is not known",
	},
	{
		probe: opsProbe, pairs: []string{"pernet"},
		loads:   true,
		without: "what loading a module does to the namespaces that there are is not shown",
	},
	{
		probe: "module_load", tracepoints: []string{bpfProgModuleInited, bpfProgModuleGoes, bpfProgModuleComes},
		loads:   true,
		without: "modules that are loaded later are not noticed",
	},
	{
		probe: conntrackProbe, pairs: []string{"conntrack"},
		module: "nf_conntrack", without: "what nf_conntrack takes of a creation is not shown",
	},
	{
		probe: ipvsProbe, pairs: []string{"ipvs"},
		module: "ip_vs", without: "what ip_vs takes of a creation is not shown",
	},
}
