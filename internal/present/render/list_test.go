package render

import (
	"bytes"
	"io"
	"slices"
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

// leaked is what nobody is in of listed.
func leaked() *List {
	l := listed()
	l.Leaked = true
	l.Namespaces = slices.DeleteFunc(l.Namespaces, func(n *inventory.Namespace) bool { return !n.Leaked() })
	return l
}

// On a terminal no row is wider than that, and nothing is lost.
func TestListFits(t *testing.T) {
	for _, columns := range []int{80, 120} {
		var w bytes.Buffer
		if err := ListText(&w, io.Discard, listed(), TextOptions{Width: columns}); err != nil {
			t.Fatal(err)
		}
		fits(t, w.String(), columns)
		for _, want := range []string{"4026532103", "blue", "redis", "nothing"} {
			if !strings.Contains(w.String(), want) {
				t.Errorf("%q is missing:\n%s", want, w.String())
			}
		}
	}
}

// Beside what nobody is in stands what would free it, and who used it last.
func TestListLeaked(t *testing.T) {
	var w bytes.Buffer
	l := leaked()
	l.Created[4026532103] = life.Match{LastUse: &life.Use{BootNS: at(27, 2, 0, 0), PID: 970, Comm: "a\x1bb"}}
	if err := ListText(&w, io.Discard, l, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"LAST USED BY", `$'a\x1bb'[970] `, "FREED BY", "the end of what holds it", "no command: what holds it can't be seen"} {
		if !strings.Contains(w.String(), want) {
			t.Errorf("%q is missing:\n%s", want, w.String())
		}
	}
	if strings.Contains(w.String(), "4026532100") {
		t.Errorf("somebody is in that:\n%s", w.String())
	}
}

func TestListGroups(t *testing.T) {
	for key, want := range map[GroupKey]string{
		ByCreator: "COUNT  LEAKED  OLDEST",
		ByPod:     "no pod or container that is known",
	} {
		var w bytes.Buffer
		if err := ListGroups(&w, io.Discard, listed(), key, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(w.String(), want) || !strings.Contains(w.String(), "the machine") {
			t.Errorf("%s:\n%s", key, w.String())
		}
	}
}

func TestListGolden(t *testing.T) {
	all := listed()
	part := listed()
	part.Gaps = inventory.Gaps{
		Kernel: "load the programs: refused \x1b[31m", Remedy: "run it as root", Processes: 1, Files: 2, Mounts: 3, Messages: 4,
		Rights: "run it as root", Hidden: "it is in a container", Failed: 1, Why: "odd \x1b", KernelCut: true,
	}
	for name, show := range map[string]func(w, diag *bytes.Buffer) error{
		"list.text":  func(w, diag *bytes.Buffer) error { return ListText(w, diag, all, TextOptions{}) },
		"list.color": func(w, diag *bytes.Buffer) error { return ListText(w, diag, all, TextOptions{Color: true}) },
		"list.tree":  func(w, diag *bytes.Buffer) error { return ListText(w, diag, all, TextOptions{Tree: true}) },
		"list.part":  func(w, diag *bytes.Buffer) error { return ListText(w, diag, part, TextOptions{}) },
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

// Where containers run, the list says whose a namespace is, and in whose mount namespace
// somebody still has it mounted.
func TestListOfContainers(t *testing.T) {
	b := inventory.NewBuilder()
	exporter := inventory.Process{
		ID: event.ProcessID{PID: 77, StartNS: 1}, Comm: "exporter", Cgroup: "/system.slice/exporter.service", CgroupKnown: true,
	}
	b.Mount(4026532100, inventory.Mount{Path: "/run/netns/cni-1", MountInum: 8, Process: exporter})
	b.Container(4026532100, &event.Container{Name: "app", PodNamespace: "shop", PodName: "web\x1b-0", PodUID: "u"})
	b.Mount(4026532101, inventory.Mount{Path: "/run/docker/netns/9", MountInum: 1, Own: true})
	b.Container(4026532101, &event.Container{Question: event.ContainerQuestion{Runtime: "docker", ID: containerID}, Name: "db", Image: "pg:1"})
	b.Mount(4026532102, inventory.Mount{Path: "/run/netns/blue", MountInum: 1, Own: true})
	// of the processes that hold one, the exporter has nothing to do with it
	web := exporter
	web.ID.PID, web.Comm, web.Cgroup = 90, "web", "/system.slice/web.service"
	b.Occupant(4026532103, web, 1)
	b.File(4026532103, inventory.File{Process: exporter, FD: 5})
	b.File(4026532103, inventory.File{Process: web, FD: 6})
	dockerd := exporter
	dockerd.Comm, dockerd.Cgroup = "dockerd", "/system.slice/docker.service"
	dockerd.Program, dockerd.Described = event.Program{Exe: "/usr/sbin/dockerd", Argv: []string{"/usr/sbin/dockerd"}}, true
	b.Socket(4026532103, inventory.File{Process: dockerd, FD: 7, Family: 16})
	l := &List{Host: host.Body.(*event.Host), Inventory: b.Build(at(27, 3, 4, 0))}
	for name, show := range map[string]func(w, diag *bytes.Buffer) error{
		"list-for.text": func(w, diag *bytes.Buffer) error { return ListText(w, diag, l, TextOptions{}) },
		"list-for.tree": func(w, diag *bytes.Buffer) error { return ListText(w, diag, l, TextOptions{Tree: true}) },
		"list-for.json": func(w, _ *bytes.Buffer) error { return ListJSON(w, l) },
	} {
		t.Run(name, func(t *testing.T) {
			var w, diag bytes.Buffer
			if err := show(&w, &diag); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".golden", w.Bytes())
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
	if err := ListText(&w, &diag, l, TextOptions{}); err != nil {
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
