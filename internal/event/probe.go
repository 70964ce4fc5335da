package event

// Probe is a place in the kernel that is watched, by the name of the function or
// the tracepoint. To add one, add a constant and a row to probes.
type Probe string

// The probes of this version, and of those before it.
const (
	// ProbeProcessFork, ProbeProcessExec, ProbeProcessExit and ProbeProcessFree
	// keep the table of processes.
	ProbeProcessFork Probe = "sched_process_fork"
	ProbeProcessExec Probe = "sched_process_exec"
	ProbeProcessExit Probe = "sched_process_exit"
	ProbeProcessFree Probe = "sched_process_free"
	// ProbeCgroupMove sees a process change its cgroup.
	ProbeCgroupMove Probe = "cgroup_attach_task"

	// ProbeCreate sees a namespace created.
	ProbeCreate Probe = "copy_net_ns"
	// ProbeUnshare told unshare from clone, which the number of the system call tells
	// now.
	ProbeUnshare Probe = "unshare_nsproxy_namespaces"

	// ProbeRelease sees the last reference to a namespace go.
	ProbeRelease Probe = "__put_net"
	// ProbeNsproxyFree, ProbeFreeNsproxy and ProbeDeactivateNsproxy see that a
	// process held it last. Kernels have one or two of them.
	ProbeNsproxyFree       Probe = "nsproxy_free"
	ProbeFreeNsproxy       Probe = "free_nsproxy"
	ProbeDeactivateNsproxy Probe = "deactivate_nsproxy"
	// ProbeNsfs sees that an open file or a mount held it last.
	ProbeNsfs Probe = "netns_put"
	// ProbeMount tells a mount from an open file.
	ProbeMount Probe = "cleanup_mnt"
	// ProbeNetFree, ProbePassiveDec and ProbeFreeInum see the end of a teardown.
	// One of them is used.
	ProbeNetFree    Probe = "net_free"
	ProbePassiveDec Probe = "net_passive_dec"
	ProbeFreeInum   Probe = "proc_free_inum"

	// ProbeJoin sees a thread move into a namespace.
	ProbeJoin Probe = "netns_install"

	// ProbeBus sees what is sent over the sockets of the buses, in the kernel's copy.
	// Recordings of before have ProbeSend, which saw it in the sender's memory.
	ProbeBus  Probe = "skb_copy_datagram_from_iter"
	ProbeSend Probe = "unix_stream_sendmsg"
	// ProbeEngines sees what is sent to container engines. It is on the same function
	// as ProbeBus.
	ProbeEngines Probe = "skb_copy_datagram_from_iter/engines"
	// ProbeSendpage and ProbeSplice see that pages are handed over to a bus in place
	// of a copy. Kernels have one of them, before 6.5 the former.
	ProbeSendpage Probe = "unix_stream_sendpage"
	ProbeSplice   Probe = "skb_splice_from_iter"

	// ProbeConnect sees who connects to the sockets of socket units.
	ProbeConnect Probe = "security_unix_stream_connect"

	// ProbeModuleLoad sees modules come and go.
	ProbeModuleLoad Probe = "module_load"
	// ProbePernetInit sees what loading a module does to the namespaces. It times
	// the module's share of a creation until the module has its own probe.
	ProbePernetInit Probe = "ops_init"
	// ProbeConntrack and ProbeIPVS time nf_conntrack and ip_vs.
	ProbeConntrack Probe = "nf_conntrack_init_net"
	ProbeIPVS      Probe = "__ip_vs_init"

	// ProbeCost measures what each subsystem takes of a creation. It is on the
	// same function as ProbePernetInit, whose name it had in recordings of schema 1.
	ProbeCost Probe = "ops_init/cost"
	// ProbeLock sees a creation wait for the lock.
	ProbeLock Probe = "rwsem_down_read_slowpath"
	// ProbeModuleFree keeps addresses in removed modules from being misnamed.
	ProbeModuleFree Probe = "module_free"
)

// probeRow is a row of the table of probes.
type probeRow struct {
	probe Probe
	// shows is what the probe lets us see.
	shows Hidden
	// teardown is set if it sees the end of a teardown.
	teardown bool
	// bus is set if it hears the messages on buses.
	bus bool
}

// probes has a row for each probe.
var probes = []probeRow{
	{probe: ProbeProcessFork, shows: HiddenActors},
	{probe: ProbeProcessExec, shows: HiddenActors | HiddenPrograms},
	{probe: ProbeProcessExit, shows: HiddenActors},
	{probe: ProbeProcessFree, shows: HiddenActors},
	{probe: ProbeCgroupMove, shows: HiddenActors},
	{probe: ProbeCreate, shows: HiddenCreations | HiddenActors},
	{probe: ProbeUnshare, shows: HiddenActors},
	{probe: ProbeRelease, shows: HiddenEnds},
	{probe: ProbeNsproxyFree, shows: HiddenEnds},
	{probe: ProbeFreeNsproxy, shows: HiddenEnds},
	{probe: ProbeDeactivateNsproxy, shows: HiddenEnds},
	{probe: ProbeNsfs, shows: HiddenEnds},
	{probe: ProbeMount, shows: HiddenEnds},
	{probe: ProbeNetFree, shows: HiddenEnds, teardown: true},
	{probe: ProbePassiveDec, shows: HiddenEnds, teardown: true},
	{probe: ProbeFreeInum, shows: HiddenEnds, teardown: true},
	{probe: ProbeJoin, shows: HiddenJoins},
	{probe: ProbeBus, shows: HiddenRequests, bus: true},
	{probe: ProbeSend, shows: HiddenRequests, bus: true},
	{probe: ProbeEngines, shows: HiddenEngineRequests},
	{probe: ProbeSendpage, shows: HiddenRequests},
	{probe: ProbeSplice, shows: HiddenRequests},
	{probe: ProbeConnect, shows: HiddenConnections},
	{probe: ProbeModuleLoad, shows: HiddenInits},
	{probe: ProbePernetInit, shows: HiddenInits},
	{probe: ProbeConntrack, shows: HiddenCosts},
	{probe: ProbeIPVS, shows: HiddenCosts},
	{probe: ProbeCost, shows: HiddenCosts},
	{probe: ProbeLock, shows: HiddenCosts},
	{probe: ProbeModuleFree, shows: HiddenCosts},
}

// Probes returns all probes, in the order of the table.
func Probes() []Probe {
	list := make([]Probe, len(probes))
	for i, row := range probes {
		list[i] = row.probe
	}
	return list
}

// Shows reports whether the probe lets us see any of these. What it shows is
// hidden while it is not live.
func (p Probe) Shows(these Hidden) bool { return p.row().shows&these != 0 }

// SeesTeardown reports whether the probe sees the end of a teardown.
func (p Probe) SeesTeardown() bool { return p.row().teardown }

// HearsBuses reports whether the probe hears the messages on buses.
func (p Probe) HearsBuses() bool { return p.row().bus }

// row finds the row of a probe. One that another version recorded may show actors.
func (p Probe) row() probeRow {
	for _, row := range probes {
		if row.probe == p {
			return row
		}
	}
	return probeRow{probe: p, shows: HiddenActors}
}
