package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/inventory"
	"github.com/nsblame/nsblame/internal/explain/life"
)

// listed is one of everything that list can find.
func listed() *List {
	b := inventory.NewBuilder()
	found := func(pid uint32, start uint64, comm, cgroup string, argv ...string) inventory.Process {
		return inventory.Process{
			ID: event.ProcessID{PID: pid, StartNS: start}, Comm: comm, UID: 33, Described: len(argv) > 0,
			Program: event.Program{Argv: argv, Exe: "/usr/bin/" + comm}, Cgroup: cgroup, CgroupKnown: cgroup != "",
		}
	}
	docker := "/system.slice/docker-" + containerID + ".scope"
	b.Occupant(4026531840, found(1, 0, "systemd", "/init.scope", "/sbin/init"), 1)
	b.Occupant(4026532100, found(812, at(1, 0, 0, 0), "redis-server", docker, "redis-server", "*:6379"), 4)
	worker := found(813, at(1, 0, 1, 0), "worker", docker, "worker")
	worker.TID = 820
	b.Occupant(4026532100, worker, 1)
	b.Occupant(4026532100, found(814, at(1, 0, 2, 0), "gone", ""), 1)
	b.Mount(4026532100, inventory.Mount{Path: "/run/docker/netns/9ec39b91f3d7", MountInum: 4026531841, Own: true})
	b.Mount(4026532101, inventory.Mount{Path: "/run/netns/blue", MountInum: 4026531841, Own: true})
	b.Mount(4026532101, inventory.Mount{Path: "/run/netns/blue", MountInum: 4026532300})
	b.Mount(4026532101, inventory.Mount{Path: "/tmp/\x1b[2Jodd\n\xff", MountInum: 4026532300})
	b.Existed(4026532101, at(2, 0, 0, 0), inventory.ByNsfs)
	hostile := found(900, at(1, 0, 0, 0), "x[1] < \x1b[2J", "/system.slice/cron.service", "sh", "-c", "\xff\n")
	b.File(4026532102, inventory.File{Process: hostile, FD: 9})
	b.File(4026532102, inventory.File{Process: hostile, FD: 10})
	b.Socket(4026532102, inventory.File{Process: found(1, 0, "systemd", "/init.scope", "/sbin/init"), FD: 47, Ino: 5551, Family: 1})
	b.Socket(4026532104, inventory.File{Process: found(901, 0, "vpn", "/vpn.service", "vpn"), FD: 3, Ino: 5552, Family: 99})
	b.Message(4026532104, inventory.File{Process: found(902, 0, "pid1", "/init.scope", "init"), FD: 12})
	var kernel []inventory.Kernel
	for i, inum := range []uint32{4026531840, 4026532100, 4026532101, 4026532102, 4026532103, 4026532104} {
		kernel = append(kernel, inventory.Kernel{
			Inum: inum, Cookie: uint64(i + 1), References: uint32(i + 1), HasReferences: true, UserInum: 4026531837,
		})
	}
	b.List(kernel, kernel)
	l := &List{Host: host.Body.(*event.Host), Created: map[uint32]life.Match{
		4026531840: {Why: life.UnmatchedInitial},
		4026532101: {Why: life.UnmatchedAbsent},
		4026532103: {Why: "told by \x1b[31m"},
	}}
	for _, s := range scenarios() {
		if s.c.Netns.Errno == 0 && l.Created[4026532100].Attribution == nil && len(s.c.Links) > 0 {
			l.Created[4026532100] = life.Match{Attribution: s.c, By: life.ByCookie}
			b.Created(4026532100, s.c.BootNS)
		}
	}
	b.Gaps = inventory.Gaps{Changing: 2}
	l.Inventory = b.Build(at(27, 3, 4, 0))
	l.Recordings = []Recording{
		{Name: "a.avro", FromNS: 1, UntilNS: 2, GoesOn: true}, {Name: "b\x1b.avro", Why: "it is of another machine", Damages: 1},
	}
	return l
}

func TestListGolden(t *testing.T) {
	all := listed()
	part := listed()
	part.Gaps = inventory.Gaps{
		Kernel: "load the programs: refused \x1b[31m", Remedy: "run it as root", Processes: 1, Files: 2, Mounts: 3, Messages: 4,
		Rights: "run it as root", Hidden: "it is in a container", Failed: 1, Why: "odd \x1b", KernelCut: true,
	}
	for name, show := range map[string]func(w, diag *bytes.Buffer) error{
		"list.text":  func(w, diag *bytes.Buffer) error { return ListText(w, diag, all, false, false) },
		"list.color": func(w, diag *bytes.Buffer) error { return ListText(w, diag, all, false, true) },
		"list.tree":  func(w, diag *bytes.Buffer) error { return ListText(w, diag, all, true, false) },
		"list.part":  func(w, diag *bytes.Buffer) error { return ListText(w, diag, part, false, false) },
		"list.json":  func(w, _ *bytes.Buffer) error { return ListJSON(w, all) },
		"list.gaps": func(w, _ *bytes.Buffer) error {
			return ListJSON(w, &List{Host: part.Host, Inventory: &inventory.Inventory{Gaps: part.Gaps}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var w, diag bytes.Buffer
			if err := show(&w, &diag); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".golden", w.Bytes())
			if diag.Len() > 0 {
				golden(t, name+".diag.golden", diag.Bytes())
			}
		})
	}
}

// Columns stay aligned where a name has characters that are two cells wide.
func TestListAlignsWideCharacters(t *testing.T) {
	b := inventory.NewBuilder()
	for i, name := range []string{"plain", "网络命名空间", "ネット"} {
		b.Mount(4026532100+uint32(i), inventory.Mount{Path: "/run/netns/" + name, MountInum: 1, Own: true})
	}
	var w, diag bytes.Buffer
	l := &List{Host: host.Body.(*event.Host), Inventory: b.Build(at(27, 3, 4, 0))}
	if err := ListText(&w, &diag, l, false, false); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(w.String()), "\n")
	want := ansi.StringWidth(strings.TrimSuffix(lines[0], "CREATED BY"))
	for _, line := range lines[1:] {
		if got := ansi.StringWidth(strings.TrimSuffix(line, "?")); got != want {
			t.Errorf("the last column begins at %d, want %d:\n%s", got, want, w.String())
		}
	}
}
