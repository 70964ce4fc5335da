package probe

// group is a set of programs that make sense only together.
type group struct {
	// probe is what they are attached to, by the name that the user sees.
	probe string
	// programs are their names in the object, in the order of attaching.
	programs []string
	// kprobes are programs that do the same as kprobes and kretprobes; none
	// for a tracepoint.
	kprobes []string
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
	{probe: "sched_process_free", programs: []string{bpfProgProcessFree}, required: true},
	{probe: "sched_process_exit", programs: []string{bpfProgProcessExit}, required: true},
	{probe: "sched_process_fork", programs: []string{bpfProgProcessFork}, required: true},
	{probe: "sched_process_exec", programs: []string{bpfProgProcessExec}, required: true},
	{
		probe: "cgroup_attach_task", programs: []string{bpfProgProcessMoved},
		without: "the cgroup of an ancestor is the one that it had at its last fork or exec",
	},
	{
		// It goes first: a kernel that has it may have one of the others too,
		// and calls it from where that was put inline.
		probe: "nsproxy_free", programs: []string{bpfProgRefsExit, bpfProgRefsEnter},
		kprobes: []string{bpfProgRefsExitKprobe, bpfProgRefsEnterKprobe},
		without: withoutNsproxy,
		or: []group{
			{
				probe: "free_nsproxy", programs: []string{bpfProgNsproxyExit, bpfProgNsproxyEnter},
				kprobes: []string{bpfProgNsproxyExitKprobe, bpfProgNsproxyEnterKprobe},
				without: withoutNsproxy,
			},
			{
				probe: "deactivate_nsproxy", programs: []string{bpfProgDeactivateExit, bpfProgDeactivateEnter},
				kprobes: []string{bpfProgDeactivateExitKprobe, bpfProgDeactivateEnterKprobe},
				without: withoutNsproxy,
			},
		},
	},
	{
		probe: "netns_put", programs: []string{bpfProgNsfsExit, bpfProgNsfsEnter},
		kprobes: []string{bpfProgNsfsExitKprobe, bpfProgNsfsEnterKprobe},
		without: "the release of a namespace that an open file or a mount held last may not be seen",
	},
	{
		probe: mountProbe, programs: []string{bpfProgMountExit, bpfProgMountEnter},
		kprobes: []string{bpfProgMountExitKprobe, bpfProgMountEnterKprobe},
		without: "mounts and open files that held a namespace last are not told apart",
	},
	{
		probe: "net_free", programs: []string{bpfProgTeardownExit, bpfProgFreeNet, bpfProgTeardownEnter},
		kprobes: []string{bpfProgTeardownExitKprobe, bpfProgFreeNetKprobe, bpfProgTeardownEnterKprobe},
		without: withoutFree,
		or: []group{
			{
				probe:    "net_passive_dec",
				programs: []string{bpfProgTeardownExit, bpfProgFreePassive, bpfProgTeardownEnter},
				kprobes:  []string{bpfProgTeardownExitKprobe, bpfProgFreePassiveKprobe, bpfProgTeardownEnterKprobe},
				without:  withoutFree,
			},
			{
				probe:    "proc_free_inum",
				programs: []string{bpfProgTeardownExit, bpfProgFreeInum, bpfProgTeardownEnter},
				kprobes:  []string{bpfProgTeardownExitKprobe, bpfProgFreeInumKprobe, bpfProgTeardownEnterKprobe},
				without:  withoutFree,
			},
		},
	},
	{
		probe: releaseProbe, programs: []string{bpfProgNetReleased},
		kprobes: []string{bpfProgNetReleasedKprobe},
		without: "when and by whom a namespace is given up is not seen",
	},
	{
		probe: "netns_install", programs: []string{bpfProgJoinExit, bpfProgJoinEnter},
		kprobes: []string{bpfProgJoinExitKprobe, bpfProgJoinEnterKprobe},
		without: "who moves into a namespace by setns is not seen",
	},
	{
		probe: "module_free", programs: []string{bpfProgModuleRemoved}, cost: true,
		without: "subsystems of modules that are removed may be named wrongly",
	},
	{
		probe: lockProbe, programs: []string{bpfProgLockExit, bpfProgLockEnter},
		kprobes: []string{bpfProgLockExitKprobe, bpfProgLockEnterKprobe}, cost: true,
		without: "the wait for the lock is not told from the rest of a creation",
	},
	{
		probe: "ops_init", programs: []string{bpfProgCostExit, bpfProgCostEnter},
		kprobes: []string{bpfProgCostExitKprobe, bpfProgCostEnterKprobe}, cost: true,
		without: "what each subsystem takes of a creation is not shown",
	},
	{
		probe: unshareProbe, programs: []string{bpfProgUnshareExit, bpfProgUnshareEnter},
		kprobes:  []string{bpfProgUnshareExitKprobe, bpfProgUnshareEnterKprobe},
		required: true, ifPresent: true,
		without: "unshare and clone are not told apart",
	},
	{
		probe: "copy_net_ns", programs: []string{bpfProgCreateExit, bpfProgCreateEnter},
		kprobes:  []string{bpfProgCreateExitKprobe, bpfProgCreateEnterKprobe},
		required: true,
	},
	{
		probe: busProbe, programs: []string{bpfProgBusSend},
		kprobes: []string{bpfProgBusSendKprobe},
		without: "who asked a service manager to start a unit is not known",
	},
	{
		probe: opsProbe, programs: []string{bpfProgOpExit, bpfProgOpEnter},
		kprobes: []string{bpfProgOpExitKprobe, bpfProgOpEnterKprobe},
		loads:   true,
		without: "what loading a module does to the namespaces that there are is not shown",
	},
	{
		probe: "module_load", programs: []string{bpfProgModuleInited, bpfProgModuleGoes, bpfProgModuleComes},
		loads:   true,
		without: "modules that are loaded later are not noticed",
	},
	{
		probe: conntrackProbe, programs: []string{bpfProgConntrackExit, bpfProgConntrackEnter},
		kprobes: []string{bpfProgConntrackExitKprobe, bpfProgConntrackEnterKprobe},
		module:  "nf_conntrack", without: "what nf_conntrack takes of a creation is not shown",
	},
	{
		probe: ipvsProbe, programs: []string{bpfProgIpvsExit, bpfProgIpvsEnter},
		kprobes: []string{bpfProgIpvsExitKprobe, bpfProgIpvsEnterKprobe},
		module:  "ip_vs", without: "what ip_vs takes of a creation is not shown",
	},
}
