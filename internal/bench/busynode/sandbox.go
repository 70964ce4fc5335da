package busynode

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
)

// The processes that are there all the time.
const (
	initPID       = 1
	containerdPID = 900
	kubeletPID    = 1200
	cronPID       = 700
	// firstPID is that of the first process that comes later.
	firstPID = 10_000

	hostPIDs  = 4026531836
	hostNetns = 4026531840

	containerdSocket = "/run/containerd/containerd.sock"
)

// The cgroups of those processes.
const (
	initCgroup event.CgroupID = iota + 1
	containerdCgroup
	kubeletCgroup
	cronCgroup
	firstCgroup
)

func resident(pid uint32) event.ProcessID {
	return event.ProcessID{PID: pid, StartNS: uint64(pid) * 10 * ms}
}

// open is the beginning of the stream.
func (n *node) open() {
	n.pid, n.cgroup = firstPID, firstCgroup
	id := fmt.Sprintf("%08x-0000-4000-8000-%012x", mixed(uint64(n.plan.Number))>>32, n.plan.Number)
	n.emit(&event.Host{
		Version: "v1.0.0", Kernel: "6.12.118", Arch: "amd64", BootID: id, MachineID: strings.ReplaceAll(id, "-", ""), Hostname: n.plan.Node,
		ClockOffsetNS: wall + int64(n.plan.Number)*int64(ms), CgroupHierarchy: "unified",
		ExecWaitNS: second, StartWaitNS: 90 * second, NameWaitNS: 5 * second,
	})
	for _, p := range []event.Probe{
		event.ProbeProcessFree, event.ProbeProcessExit, event.ProbeProcessFork, event.ProbeProcessExec, event.ProbeCgroupMove,
		event.ProbeFreeNsproxy, event.ProbeNsfs, event.ProbeMount, event.ProbePassiveDec, event.ProbeRelease, event.ProbeJoin,
		event.ProbeCreate, event.ProbeBus, event.ProbeEngines, event.ProbeSplice,
	} {
		n.emit(&event.Coverage{Probe: p, Live: true, AttachMethod: "fentry"})
	}
	for _, r := range []struct {
		pid    uint32
		cgroup event.CgroupID
		path   string
		argv   []string
	}{
		{initPID, initCgroup, "/init.scope", []string{"/usr/lib/systemd/systemd"}},
		{cronPID, cronCgroup, "/system.slice/cron.service", []string{"/usr/sbin/cron", "-f"}},
		{containerdPID, containerdCgroup, "/system.slice/containerd.service", []string{"/usr/bin/containerd"}},
		{kubeletPID, kubeletCgroup, "/system.slice/kubelet.service", []string{"/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml"}},
	} {
		n.emit(&event.Cgroup{ID: r.cgroup, Path: r.path})
		program := event.ProgramID{Process: resident(r.pid)}
		n.emit(&event.Program{ID: program, Argv: r.argv, Exe: r.argv[0], Source: event.SourceProc})
		parent := resident(initPID)
		if r.pid == initPID {
			parent = event.ProcessID{}
		}
		n.emit(&event.Process{
			ID: resident(r.pid), Parent: parent, Program: program, Comm: comm(r.argv[0]), Owner: root(), Cgroup: r.cgroup, Preexisting: true,
		})
	}
	n.active(false)
	// what nsblame asks when the first command has made one
	n.emit(&event.Unit{
		Question: event.Question{Unit: "cron.service", Manager: event.ManagerSystem, Run: resident(cronPID), Cgroup: cronCgroup},
		Unit: event.UnitState{
			Name: "cron.service", Names: []string{"cron.service"}, Manager: event.ManagerSystem, LoadState: "loaded", SubState: "running",
			FragmentPath: "/usr/lib/systemd/system/cron.service", Type: "simple", InactiveExitUS: cronPID * 10_000, ActiveEnterUS: cronPID * 10_000,
		},
		Boot: event.ManagerBoot{Version: "257", UserspaceUS: 1_000_000, FinishUS: 60_000_000},
	})
}

func root() event.Owner { return event.Owner{PIDNamespace: hostPIDs} }

func comm(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// active is the list of the cgroups with processes in them.
func (n *node) active(atEnd bool) {
	n.emit(&event.Active{AtEnd: atEnd, Cgroups: []event.Population{
		{Path: "/init.scope", Processes: 1},
		{Path: "/system.slice/cron.service", Processes: 1},
		{Path: "/system.slice/containerd.service", Processes: 1},
		{Path: "/system.slice/kubelet.service", Processes: 1},
		{Path: "/system.slice/ssh.service", Processes: 1},
	}})
}

// child is a process that comes later.
type child struct {
	id      event.ProcessID
	program event.ProgramID
	cgroup  event.CgroupID
	made    bool // the cgroup is its own
}

// start is a program that containerd, or another process, starts.
func (n *node) start(parent event.ProcessID, cgroup event.CgroupID, argv ...string) child {
	n.pid++
	c := child{id: event.ProcessID{PID: n.pid, StartNS: n.now}, cgroup: cgroup}
	c.program = event.ProgramID{Process: c.id, Exec: 1}
	n.emit(&event.Program{ID: c.program, Argv: argv, Exe: argv[0], Source: event.SourceKernel})
	n.emit(&event.Process{ID: c.id, Parent: parent, Program: c.program, Comm: comm(argv[0]), Owner: root(), Cgroup: cgroup})
	return c
}

// end is the end of a process of which nothing more is said.
func (n *node) end(c child, parent event.ProcessID, code uint32) {
	n.emit(&event.Process{ID: c.id, Parent: parent, Program: c.program, Comm: "", Owner: root(), Cgroup: c.cgroup, Exited: true, ExitNS: n.now, ExitCode: code << 8})
	n.emit(&event.Exit{Process: c.id})
	f := event.Forget{Process: c.id, Program: c.program}
	if c.made {
		f.Cgroup = c.cgroup
	}
	n.emit(&f)
}

// outcome is what becomes of a sandbox.
type outcome int

const (
	outcomeFails outcome = iota // its plugin fails
	outcomeRuns                 // it runs and ends
	outcomeStays                // it runs on
)

// netns is a namespace with the sandbox that it is for.
type netns struct {
	pod     pod
	serial  uint64
	inum    uint32
	created uint64
	id      string
	joins   uint32
}

func (n *node) created() *netns {
	n.serial++
	return &netns{serial: n.serial, inum: 4026532200 + uint32(n.serial%4000), created: n.now}
}

// sandbox is the kubelet asking for a sandbox of a pod, and what becomes of that.
func (n *node) sandbox(p pod, attempt uint32, end outcome) {
	containerd := resident(containerdPID)
	n.emit(&event.EngineRequest{
		Sender: resident(kubeletPID), TID: kubeletPID + 7, Engine: event.EngineContainerd, Listener: containerd, Path: containerdSocket, Conn: 77,
		Call: event.EngineRunSandbox, Sandbox: &event.SandboxRequest{Namespace: p.namespace, Name: p.name, UID: p.uid, Attempt: attempt, Source: "api", Labels: p.labels},
	})
	ns := n.created()
	ns.pod, ns.id = p, fmt.Sprintf("%016x%016x%016x%016x", mixed(ns.serial), mixed(ns.serial+1), mixed(ns.serial+2), mixed(ns.serial+3))
	n.emit(&event.NetnsCreate{
		Serial: ns.serial, Creator: containerd, TID: containerdPID + 17, Comm: "containerd", Cgroup: containerdCgroup, Call: event.CallUnshare,
		Inum: ns.inum, Cookie: ns.serial + 4096, ParentInum: hostNetns, DurationNS: 3*ms + mixed(ns.serial)%ms,
	})
	n.later(20*ms, func() {
		n.plugin(ns, "ADD", end)
		switch end {
		case outcomeFails:
			n.later(250*ms, func() { n.plugin(ns, "DEL", end); n.later(20*ms, func() { n.release(ns, true) }) })
		case outcomeRuns:
			n.later(40*ms, func() { n.pause(ns, 5+mixed(ns.serial)%20) })
		case outcomeStays:
			n.later(40*ms, func() { n.pause(ns, 0) })
		}
	})
}

// join is a process that moves into a namespace.
func (n *node) join(ns *netns, c child, how event.JoinHow, name string) {
	ns.joins++
	n.emit(&event.NetnsJoin{
		Serial: ns.serial, Inum: ns.inum, Cookie: ns.serial + 4096, CreatedNS: ns.created, Process: c.id, TID: c.id.PID, Comm: name, How: how, Ordinal: ns.joins,
	})
}

// plugin is a CNI plugin that containerd runs.
func (n *node) plugin(ns *netns, command string, end outcome) {
	containerd := resident(containerdPID)
	c := n.start(containerd, containerdCgroup, "/opt/cni/bin/bridge")
	n.join(ns, c, event.JoinSetns, "bridge")
	n.emit(&event.CNI{
		Serial: ns.serial, Process: c.id, Command: command, ContainerID: ns.id, Netns: fmt.Sprintf("/var/run/netns/cni-%08x", mixed(ns.serial)>>32),
		PodNamespace: ns.pod.namespace, PodName: ns.pod.name, PodUID: ns.pod.uid, Sandbox: ns.id,
	})
	code := uint32(0)
	if end == outcomeFails {
		code = 1
	}
	n.later(10*ms, func() {
		n.emit(&event.NetnsLeave{Serial: ns.serial, Process: c.id, TID: c.id.PID, Ending: true})
		n.end(c, containerd, code)
	})
}

// pause is the container that holds a sandbox, for so many seconds; 0 for the rest of the
// time.
func (n *node) pause(ns *netns, seconds uint64) {
	containerd := resident(containerdPID)
	n.cgroup++
	n.emit(&event.Cgroup{ID: n.cgroup, Path: fmt.Sprintf("/kubepods.slice/kubepods-pod%s.slice/cri-containerd-%s.scope", strings.ReplaceAll(ns.pod.uid, "-", "_"), ns.id)})
	c := n.start(containerd, n.cgroup, "/usr/bin/runc", "init")
	c.made = true
	n.join(ns, c, event.JoinSetns, "runc:[2:INIT]")
	n.later(2*ms, func() {
		old := c.program
		c.program = event.ProgramID{Process: c.id, Exec: 2}
		n.emit(&event.Program{ID: c.program, Argv: []string{"/pause"}, Exe: "/pause", Source: event.SourceKernel})
		n.emit(&event.Process{ID: c.id, Parent: containerd, Program: c.program, Comm: "pause", Owner: root(), Cgroup: c.cgroup})
		n.emit(&event.Exec{Process: c.id, Serial: ns.serial})
		n.emit(&event.Forget{Program: old})
		if seconds == 0 {
			return
		}
		n.later(seconds*second, func() {
			n.end(c, containerd, 0)
			n.plugin(ns, "DEL", outcomeRuns)
			n.later(30*ms, func() { n.release(ns, true) })
		})
	})
}

// release is the end of a namespace.
func (n *node) release(ns *netns, mounted bool) {
	r := &event.NetnsRelease{Serial: ns.serial, Inum: ns.inum, Cookie: ns.serial + 4096, Joins: ns.joins, CreatedNS: ns.created, Held: event.HeldProcess}
	if mounted {
		r.Held, r.By, r.TID, r.Comm = event.HeldMount, resident(containerdPID), containerdPID+17, "containerd"
	}
	n.emit(r)
	released := n.now
	n.later(10*ms, func() {
		n.emit(&event.NetnsFree{
			Serial: ns.serial, Inum: ns.inum, Cookie: ns.serial + 4096, WaitNS: ms, DurationNS: 9*ms + mixed(ns.serial)%ms,
			CreatedNS: ns.created, ReleasedNS: released,
		})
	})
}

// command is one run of a check that makes a namespace with a name of its own.
func (n *node) command(i int) {
	cron := resident(cronPID)
	c := n.start(cron, cronCgroup, "/usr/sbin/ip", "netns", "add", fmt.Sprintf("chk-%08x", mixed(uint64(i))>>32))
	ns := n.created()
	n.emit(&event.NetnsCreate{
		Serial: ns.serial, Creator: c.id, TID: c.id.PID, Comm: "ip", Cgroup: cronCgroup, Call: event.CallUnshare,
		Inum: ns.inum, Cookie: ns.serial + 4096, ParentInum: hostNetns, DurationNS: 3*ms + mixed(ns.serial)%ms,
	})
	n.later(2*ms, func() {
		n.end(c, cron, 0)
		n.later(100*ms, func() { n.release(ns, false) })
	})
}

// unasked is a namespace that containerd makes for somebody who was not heard.
func (n *node) unasked(int) {
	ns := n.created()
	n.emit(&event.NetnsCreate{
		Serial: ns.serial, Creator: resident(containerdPID), TID: containerdPID + 17, Comm: "containerd", Cgroup: containerdCgroup, Call: event.CallUnshare,
		Inum: ns.inum, Cookie: ns.serial + 4096, ParentInum: hostNetns, DurationNS: 3*ms + mixed(ns.serial)%ms,
	})
	n.later(100*ms, func() { n.release(ns, true) })
}
