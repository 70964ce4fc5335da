package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

const containerID = "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d"

// host is a machine an hour east of Greenwich, booted on 2026-11-24 at
// 08:00:00 local time.
var host = event.Event{Body: &event.Host{
	ClockOffsetNS:    1795503600 * 1e9,
	UTCOffsetSeconds: 3600,
}}

// at is a time since boot.
func at(h, m, s, ms uint64) uint64 { return (((h*60+m)*60+s)*1000 + ms) * 1e6 }

func process(pid uint32, comm string, argv ...string) lineage.Process {
	p := lineage.Process{
		ID: event.ProcessID{PID: pid, StartNS: uint64(pid) * 1e7}, TID: pid, Comm: comm, Argv: argv,
		Cgroup: "/system.slice/cron.service",
	}
	if len(argv) > 0 {
		p.Exe = argv[0]
	}
	return p
}

func exited(p lineage.Process, code uint32) lineage.Process {
	p.Exited, p.ExitCode, p.ExitNS = true, code, at(1, 41, 7, 700)
	return p
}

// systemd is pid 1 as Debian starts it.
func systemd() lineage.Process {
	p := process(1, "systemd", "/sbin/init")
	p.Exe, p.Preexisting, p.Cgroup = "/usr/lib/systemd/systemd", true, "/init.scope"
	return p
}

// scenarios are the creations that the golden files show, by name.
func scenarios() []struct {
	name string
	c    *finding.Attribution
} {
	inits := []event.Init{
		{Op: "nf_conntrack_pernet_init", Subsystem: "nf_conntrack", DurationNS: 210_000},
		{Op: "__ip_vs_init", Subsystem: "ip_vs", DurationNS: 634_000, IPVS: &event.IPVS{ID: 97719, Size: 2176}},
	}
	created := func(inum uint32) event.NetnsCreate {
		return event.NetnsCreate{
			Call: event.CallUnshare, Inum: inum, Cookie: uint64(inum - 4026532000), ParentInum: 4026531840,
			DurationNS: 3_249_000, Init: inits,
		}
	}
	add := func(ms uint64, n event.NetnsCreate, p lineage.Process, ancestry ...lineage.Process) *finding.Attribution {
		return unblamed(&lineage.Creation{BootNS: at(1, 41, 7, ms), Netns: n, Process: p, Ancestry: ancestry})
	}

	hostnamed := process(342, "(ostnamed)", "/sbin/init")
	hostnamed.ArgvInherited = true
	hostnamed.Exe, hostnamed.Cgroup = "/usr/lib/systemd/systemd", "/system.slice/systemd-hostnamed.service"
	became := process(342, "systemd-hostnam", "/lib/systemd/systemd-hostnamed")
	became.Cgroup = hostnamed.Cgroup
	hostnamed.Exec = &became

	cron := process(300, "cron", "/usr/sbin/cron", "-f", "-P")
	cron.Preexisting = true

	clone := created(4026532301)
	clone.Call = event.CallClone
	cloned := add(900, clone, process(500, "spawn", "./spawn", "-n"), process(410, "bash", "-bash"), systemd())
	child := process(501, "spawn", "./spawn", "-n")
	became2 := process(501, "sleep", "sleep", "30")
	child.Exec = &became2
	cloned.Child = &child

	unborn := add(901, clone, process(502, "spawn", "./spawn"), systemd())

	refused := event.NetnsCreate{Call: event.CallUnshare, Errno: 28, ParentInum: 4026531840, DurationNS: 12_000}
	odd := event.NetnsCreate{Call: event.CallUnknown, Errno: 523, DurationNS: 1_500_000_000}

	inDocker := process(600, "unshare", "unshare", "-n")
	inDocker.UID = 100000
	inDocker.Cgroup = "/system.slice/docker-" + containerID + ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod74c13223_5a00_11e9_b385_42010a80018d.slice/cri-containerd-" +
		strings.Repeat("ab", 32) + ".scope"
	conmon := process(610, "conmon", "/usr/bin/conmon", "--api-version", "1", "-c", containerID)
	conmon.Cgroup = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-conmon-" + containerID + ".scope"
	conmon.UID = 1000

	missed := created(4026532400)
	missed.EntryMissed, missed.DurationNS, missed.Init = true, 0, nil
	unread := process(700, "Web Content")
	unread.ArgvUnread, unread.CgroupUnknown, unread.Cgroup = true, true, ""
	blind := add(906, missed, unread, lineage.Process{ID: event.ProcessID{PID: 699, StartNS: 5}, TID: 699, Unresolved: true})
	blind.AncestryTruncated, blind.AncestryWhy = true, "2 ancestors lost, buffer full"
	blind.Netns.AncestorsLost = 2

	thread := process(800, "worker-3", "/opt/app/server", "--threads", "8")
	thread.TID, thread.Cgroup = 803, "/user.slice/user-1000.slice/session-3.scope"
	long := process(801, "python3", "python3", "-c", strings.Repeat("print('x');", 40), "last")
	long.ArgvTruncated, long.Exe, long.ExeTruncated = true, "venv/bin/python3.13", true
	deep := []lineage.Process{long}
	for i := range uint32(14) {
		deep = append(deep, process(790-i, "sh", "sh", "-e", "./step"))
	}
	deep = append(deep, systemd())

	few := created(4026532551)
	few.Cost = &event.Cost{LockUnknown: true, Ops: []event.CostOp{{DurationNS: 3_000_000}}, Unlisted: 2, UnlistedNS: 200_000}

	asked := add(650, created(4026532158), hostnamed, systemd())
	caller := process(341, "hostnamectl", "hostnamectl", "--static")
	caller.Exe = "/usr/bin/hostnamectl"
	shell := exited(process(339, "sh", "sh", "-c", "/etc/cron.d/x"), 0)
	cronPlace := cgroup.Parse("/system.slice/cron.service")
	asked.Settings = []event.UnitSetting{{
		Name: "PrivateNetwork", Value: "yes", File: "/lib/systemd/system/systemd-hostnamed.service", Line: 26, Source: event.SettingFromFile,
	}}
	asked.Origin = finding.Origin{
		Trigger: finding.TriggerCommand, Process: &caller, Ancestry: []lineage.Process{shell, cron, systemd()},
		Unit: "cron.service", Placement: cronPlace, Evidence: evidence.Inferred,
	}
	asked.Links = []finding.Link{
		{Kind: finding.KindSetting, Evidence: evidence.File, Cause: finding.Setting{UnitSetting: asked.Settings[0]}},
		{Kind: finding.KindAskedBy, Evidence: evidence.Kernel, Process: &caller, Ancestry: asked.Origin.Ancestry},
		{Kind: finding.KindBecause, Evidence: evidence.Inferred, Cause: finding.BusActivation{Unit: "org.freedesktop.hostname1"}},
		{Kind: "much too long a name", Evidence: "log", Cause: finding.Job{Method: "\x1b[2J"}},
	}

	killed := exited(process(339, "sh", "sh", "-c", "hostnamectl --static &"), 9)
	return []struct {
		name string
		c    *finding.Attribution
	}{
		{"hostnamectl", asked},
		{"double-fork", add(700, created(4026532200), process(341, "unshare", "unshare", "-n", "true"),
			exited(process(340, "sh", "sh", "-c", "x & exit 3"), 3<<8), killed, cron, systemd())},
		{"clone", cloned},
		{"clone-child-unknown", unborn},
		{"refused", add(902, refused, process(503, "unshare", "unshare", "-Urn"), process(410, "bash", "-bash"), systemd())},
		{"refused-odd", add(903, odd, process(504, "kthread"), process(2, "kthreadd"))},
		{"kind", add(904, created(4026532350), inDocker, systemd())},
		{"conmon", add(905, created(4026532351), conmon, systemd())},
		{"blind", blind},
		{"deep", add(907, created(4026532500), thread, deep...)},
		{"cost", add(908, costly(created(4026532550)), process(505, "unshare", "unshare", "-n"), systemd())},
		{"cost-few", add(909, few, process(506, "unshare", "unshare", "-n"), systemd())},
		{"hostile", hostile(created(4026532600))},
	}
}

// ends are the ends of namespaces that the golden files show.
func ends() []*finding.Ended {
	all := scenarios()
	hostnamed, clone, bad := all[0].c, all[2].c, all[len(all)-1].c
	service := exited(*hostnamed.Process.Exec, 0)
	ip := process(950, "ip", "ip", "netns", "del", "blue")
	threaded := process(960, "worker", "./server")
	threaded.TID = 963
	release := func(c *finding.Attribution, ms uint64, held event.Held, exiting bool, by *lineage.Process) *finding.Release {
		r := &finding.Release{BootNS: at(1, 41, 38, ms), By: by}
		r.Netns = event.NetnsRelease{Inum: 4026532700, Cookie: 9, Held: held, Exiting: exiting, Joins: uint32(ms / 3)}
		if c != nil {
			r.Netns.Inum, r.Netns.Cookie, r.Netns.CreatedNS = c.Netns.Inum, c.Netns.Cookie, c.BootNS
		}
		if by != nil {
			r.Ancestry = []lineage.Process{systemd()}
		}
		return r
	}
	free := func(c *finding.Attribution, r *finding.Release) *finding.Ended {
		f := &event.NetnsFree{Inum: 4026532701, WaitNS: 3_000_000, DurationNS: 12_000_000}
		if r != nil {
			f.Inum, f.Cookie = r.Netns.Inum, r.Netns.Cookie
			f.CreatedNS, f.ReleasedNS = r.Netns.CreatedNS, r.BootNS
		}
		return &finding.Ended{BootNS: at(1, 41, 38, 900), Created: c, Release: r, Free: f}
	}
	last := release(hostnamed, 0, event.HeldProcess, true, &service)
	cut := release(nil, 5, event.HeldUnknown, false, &threaded)
	cut.AncestryWhy = "the parent is not known"
	return []*finding.Ended{
		{BootNS: last.BootNS, Created: hostnamed, Release: last},
		free(hostnamed, last),
		free(clone, release(clone, 1, event.HeldClone, false, &clone.Process)),
		free(nil, release(nil, 2, event.HeldMount, false, &ip)),
		free(nil, release(nil, 3, event.HeldFile, true, &ip)),
		{BootNS: at(1, 41, 38, 4), Release: release(nil, 4, event.HeldUnknown, false, nil), Final: true},
		{BootNS: cut.BootNS, Release: cut, Final: true},
		free(nil, release(nil, 6, event.HeldNsfs, false, nil)),
		free(nil, nil),
		free(bad, release(bad, 7, event.HeldProcess, false, &bad.Process)),
	}
}

// joins are those who moved in that the golden files show.
func joins() []*finding.Joined {
	all := scenarios()
	hostnamed, bad := all[0].c, all[len(all)-1].c
	join := func(c *finding.Attribution, p lineage.Process, then finding.Then, how event.JoinHow) *finding.Joined {
		j := &finding.Joined{
			BootNS: at(1, 41, 9, 0), Created: c, Process: p, Ancestry: []lineage.Process{systemd()},
			Placement: cgroup.Parse(p.Cgroup), Then: then, ThenNS: at(1, 41, 9, 2),
			Netns: event.NetnsJoin{Inum: 4026532700, Cookie: 9, How: how, Ordinal: 3},
		}
		if p.Exec != nil {
			j.Placement = cgroup.Parse(p.Exec.Cgroup)
		}
		if c != nil {
			j.Netns.Inum, j.Netns.Cookie, j.Netns.CreatedNS = c.Netns.Inum, c.Netns.Cookie, c.BootNS
		}
		return j
	}
	runtime := process(970, "runc:[2:INIT]", "runc", "init")
	runtime.ArgvInherited = true
	nginx := process(970, "nginx", "nginx", "-g", "daemon off;")
	nginx.Cgroup = "/system.slice/docker-" + containerID + ".scope"
	runtime.Exec = &nginx
	visitor := process(980, "dockerd", "dockerd", "-H", "fd://")
	visitor.TID = 985
	lost := join(nil, visitor, finding.ThenNothing, event.JoinSetns)
	lost.ThenNS, lost.AncestryWhy = 0, "the parent is not known"
	return []*finding.Joined{
		join(hostnamed, runtime, finding.ThenExec, event.JoinFork),
		join(hostnamed, visitor, finding.ThenLeft, event.JoinSetns),
		join(hostnamed, exited(visitor, 0), finding.ThenEnded, event.JoinSetns),
		lost,
		join(bad, bad.Process, finding.ThenExec, event.JoinSetns),
	}
}

// costly has what it is made of.
func costly(n event.NetnsCreate) event.NetnsCreate {
	n.Cost = &event.Cost{LockWaitNS: 1_200_000, Ops: []event.CostOp{
		{Op: "net_ns_net_init", Subsystem: "net", DurationNS: 900},
		{Op: "tcp_sk_init", Subsystem: "tcp_sk", DurationNS: 640_000},
		{Op: "fou_net_ops", Subsystem: "fou", NoInit: true, DurationNS: 700},
		{Op: "__ip_vs_init", Subsystem: "ip_vs", Module: "ip_vs", DurationNS: 634_000},
		{DurationNS: 20_000},
		{Op: "x\x1b[2J`\n", Subsystem: "x", Module: "\xff*", DurationNS: 10_000},
	}}
	for i := range 12 {
		n.Cost.Ops = append(n.Cost.Ops, event.CostOp{
			Op: fmt.Sprintf("proto%d_net_init", i), Subsystem: fmt.Sprintf("proto%d", i), DurationNS: uint64(1000 * (i + 1)),
		})
	}
	return n
}

// loads are modules that did something to the namespaces that there were.
func loads() []*finding.PernetInit {
	load := func(n event.PernetInit, p lineage.Process, ancestry ...lineage.Process) *finding.PernetInit {
		c := finding.NewAttribution(&lineage.Creation{BootNS: at(1, 41, 8, 100), Process: p, Ancestry: ancestry})
		c.Origin = finding.Origin{Trigger: finding.TriggerUnknown, Why: finding.Reason{Text: "nobody knows"}, Evidence: evidence.Unknown}
		return &finding.PernetInit{Init: n, Attribution: c, Selected: true}
	}
	modprobe := process(970, "modprobe", "modprobe", "ip_vs")
	asked := load(event.PernetInit{
		Subsystem: "ip_vs", Op: "__ip_vs_init", Namespaces: 12, DurationNS: 4_500_000,
	}, modprobe, process(969, "sh", "sh", "/etc/cron.hourly/x"), systemd())
	asked.Origin = finding.Origin{
		Trigger: finding.TriggerCommand, Process: &modprobe, Ancestry: asked.Ancestry, Evidence: evidence.Kernel,
	}
	evil := process(971, "\x1b[2J", "\x1b[2J", "\xff")
	return []*finding.PernetInit{asked, load(event.PernetInit{
		Subsystem: "evil\x1b]0;\a", Op: "\u202e", Namespaces: 1, Unfinished: 1, Errno: 12,
	}, evil)}
}

// hostile is a creation by one who tries to fool the reader.
func hostile(n event.NetnsCreate) *finding.Attribution {
	p := process(900, "x[1] < sshd", "/tmp/\x1b[2J\x1b]0;owned\a", "a b", "", "it's", "line\nbreak\ttab", "\xff\xfe",
		"\u202egnp.exe", "zero\u200bwidth", "\u009b31m", "nul\u2028sep", "<&>", `back\slash`, "*", "ünïcödé", "\U000e0041", "(1)")
	p.Exe = "/tmp/\x1b[31mred"
	p.Cgroup = "/system.slice/evil\n.service/\xff"
	child := process(901, "\xff\x1b", "FOO=bar", "$(reboot)", "`id`", "!!", "--", "\r\n", "trail ")
	return unblamed(&lineage.Creation{BootNS: at(1, 41, 8, 0), Netns: n, Process: p, Child: &child, Ancestry: []lineage.Process{
		process(899, "a b", "sh", "-c", "echo '09:41:07.650  netns 1  1.0ms  cron.service  sh[1]'\n"),
		process(898, "\u202e", ""),
		process(897, "] < init["),
	}})
}

// unblamed is a creation whose causes nobody looked for.
func unblamed(c *lineage.Creation) *finding.Attribution { return finding.NewAttribution(c) }

// created is a creation that passed the filter.
func created(c *finding.Attribution) *finding.Created {
	return &finding.Created{Attribution: c, Selected: true}
}

// observe gives a consumer an event.
func observe(c finding.Consumer, ev event.Event) {
	if err := c.Consume(&finding.Observed{Event: ev}); err != nil {
		panic(err) // none prints one
	}
}
