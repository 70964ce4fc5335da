package inventory

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

const now = uint64(1000e9)

func at(seconds uint64) uint64 { return seconds * 1e9 }

func process(pid uint32, start uint64, cgroup string) Process {
	return Process{ID: event.ProcessID{PID: pid, StartNS: start}, Cgroup: cgroup, CgroupKnown: cgroup != ""}
}

func kernelList(inums ...uint32) []Kernel {
	var list []Kernel
	for _, inum := range inums {
		list = append(list, Kernel{Inum: inum, Cookie: uint64(inum) * 10, References: 1, HasReferences: true})
	}
	return list
}

func inums(inv *Inventory) []uint32 {
	var list []uint32
	for _, n := range inv.Namespaces {
		list = append(list, n.Inum)
	}
	return list
}

// The containers in a namespace are those whose names are the machine's.
func TestContainers(t *testing.T) {
	id := func(c string) string { return strings.Repeat(c, 64) }
	b := NewBuilder()
	for i, path := range []string{
		"/system.slice/docker-" + id("a") + ".scope", "/system.slice/docker-" + id("a") + ".scope/init",
		"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id("b") + ".scope", "/system.slice/cron.service",
		"/system.slice/docker-" + id("c") + ".scope",
	} {
		b.Occupant(7, process(uint32(i+2), uint64(i), path), 1)
	}
	var found []string
	for _, n := range b.Build(now).Namespaces {
		for _, c := range n.ContainersOf() {
			found = append(found, c.Runtime+" "+c.ID[:1])
		}
	}
	if diff := cmp.Diff([]string{"docker a", "docker c"}, found); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	for i := range maxContainers + 3 {
		b.Container(7, &event.Container{Name: fmt.Sprint("c", i)})
	}
	if list := b.Build(now).Namespaces[0].Containers; len(list) != maxContainers || list[0].Name != "c0" {
		t.Errorf("%+v", list)
	}
}

// Who sees a mount is kept only where nsblame does not.
func TestMountsOfOthers(t *testing.T) {
	b := NewBuilder()
	b.Mount(3, Mount{Path: "/run/netns/blue", MountInum: 8, Process: process(9, 0, "/system.slice/exporter.service")})
	b.Mount(4, Mount{Path: "/run/netns/red", MountInum: 8, Process: process(9, 0, "/system.slice/exporter.service")})
	b.Mount(3, Mount{Path: "/run/netns/blue", MountInum: 7, Own: true})
	list := b.Build(now).Namespaces
	if m := list[0].Mounts[0]; m.Process.ID.PID != 0 || !m.Own || m.MountInum != 7 {
		t.Errorf("%+v", m)
	}
	if m := list[1].Mounts[0]; m.Process.ID.PID != 9 {
		t.Errorf("%+v", m)
	}
}

func TestUnheld(t *testing.T) {
	b := NewBuilder()
	b.Occupant(1, process(1, 0, "/"), 1)
	b.Mount(3, Mount{Path: "/run/netns/blue"})
	before := kernelList(1, 2, 3, 4, 5)
	if diff := cmp.Diff([]uint32{2, 4, 5}, b.Empty(before)); diff != "" {
		t.Errorf("empty (-want +got):\n%s", diff)
	}
	b.File(5, File{Process: process(9, 0, "/"), FD: 3}) // found the second time
	b.List(before, kernelList(1, 2, 3, 5, 6))
	inv := b.Build(now)
	if diff := cmp.Diff([]uint32{1, 2, 3, 5}, inums(inv)); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
	for _, n := range inv.Namespaces {
		if n.Unheld != (n.Inum == 2) || n.Initial != (n.Inum == 1) {
			t.Errorf("%d: unheld %v, initial %v", n.Inum, n.Unheld, n.Initial)
		}
	}
	// 4 ended, 6 came: neither is a leak
	if inv.Gaps.Changing != 2 || inv.Gaps.Incomplete() {
		t.Errorf("gaps %+v", inv.Gaps)
	}
}

// A number that another namespace took meanwhile, and one that is being torn
// down, are held by nothing and yet no leaks.
func TestNotUnheld(t *testing.T) {
	before, after := kernelList(1, 2, 3), kernelList(1, 2, 3)
	after[1].Cookie, after[2].References = 99, 0
	b := NewBuilder()
	b.List(before, after)
	if diff := cmp.Diff([]uint32{1}, inums(b.Build(now))); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
	// on 5.10 the cookie is filled when somebody asks for it
	before, after = kernelList(1, 2), kernelList(1, 2)
	before[1].Cookie = 0
	b = NewBuilder()
	b.List(before, after)
	if diff := cmp.Diff([]uint32{1, 2}, inums(b.Build(now))); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
}

// What /proc showed is gone if the kernel has it no more, unless its list was
// longer than could be read.
func TestGone(t *testing.T) {
	for _, cut := range []bool{false, true} {
		b := NewBuilder()
		b.Gaps.KernelCut = cut
		b.Occupant(2, process(5, 0, "/"), 1)
		b.List(kernelList(1, 2), kernelList(1))
		want := []uint32{1}
		if cut {
			want = []uint32{1, 2}
		}
		if diff := cmp.Diff(want, inums(b.Build(now))); diff != "" {
			t.Errorf("cut %v (-want +got):\n%s", cut, diff)
		}
	}
}

func TestBounds(t *testing.T) {
	b := NewBuilder()
	for i := range uint32(1000) {
		// the later, the older
		b.Occupant(7, process(1000-i, at(uint64(1000-i)), fmt.Sprintf("/c%d", i)), 2)
		b.File(7, File{Process: process(i, 0, "/"), FD: 3})
		b.File(7, File{Process: process(i, 0, "/"), FD: 3}) // from the other witness
		b.Socket(7, File{Process: process(i, 0, "/"), FD: 3})
		b.Message(7, File{Process: process(i, 0, "/"), FD: 3})
		b.Mount(7, Mount{Path: fmt.Sprint("/", i)})
		b.Mount(7, Mount{Path: fmt.Sprint("/", i), Own: true})
	}
	n := b.Build(now).Namespaces[0]
	if n.Processes != 1000 || n.Threads != 2000 || n.FileCount != 1000 || n.SockCount != 1000 || n.MessageCount != 1000 || n.MountCount != 1000 {
		t.Errorf("counts %d %d %d %d %d", n.Processes, n.Threads, n.FileCount, n.SockCount, n.MountCount)
	}
	if len(n.Listed) != maxListed || len(n.Files) != maxListed || len(n.Sockets) != maxListed || len(n.Messages) != maxListed || len(n.Mounts) != maxListed {
		t.Errorf("listed %d %d %d %d", len(n.Listed), len(n.Files), len(n.Sockets), len(n.Mounts))
	}
	if len(n.Places) != maxPlaces || n.Elsewhere != 1000-maxPlaces {
		t.Errorf("%d places, %d elsewhere", len(n.Places), n.Elsewhere)
	}
	for i, p := range n.Listed {
		if p.ID.PID != uint32(i+1) {
			t.Fatalf("listed[%d] = %d: not the oldest", i, p.ID.PID)
		}
	}
	if m := n.Mounts[0]; !m.Own || m.Others != 1 {
		t.Errorf("mount %+v", m)
	}
}

func TestAges(t *testing.T) {
	for _, tt := range []struct {
		name string
		tell func(*Builder)
		want map[uint32]Age
	}{
		{"nothing known", func(*Builder) {}, map[uint32]Age{2: {}, 3: {}}},
		{
			"one that came later is so old",
			func(b *Builder) { b.Existed(3, at(100), ByNsfs) },
			map[uint32]Age{2: {AtLeast, at(100), ByOrder}, 3: {AtLeast, at(100), ByNsfs}, 4: {}},
		},
		{
			"its own evidence is older",
			func(b *Builder) { b.Existed(2, at(50), ByNsfs); b.Existed(3, at(100), ByNsfs) },
			map[uint32]Age{2: {AtLeast, at(50), ByNsfs}, 3: {AtLeast, at(100), ByNsfs}},
		},
		{
			"the creation was seen",
			func(b *Builder) { b.Created(3, at(100)); b.Existed(3, at(200), ByNsfs) },
			map[uint32]Age{2: {AtLeast, at(100), ByOrder}, 3: {Exact, at(100), ByRecording}},
		},
		{
			"a process says more than a file, and less than a file that is older",
			func(b *Builder) {
				b.Existed(2, at(300), ByNsfs)
				b.Occupant(2, process(5, at(200), "/"), 1)
				b.Existed(3, at(300), ByNsfs)
				b.Occupant(3, process(6, at(400), "/"), 1)
			},
			map[uint32]Age{2: {Inferred, at(200), "process"}, 3: {AtLeast, at(300), "nsfs"}},
		},
		{
			"a process that is older than the namespace before moved in later",
			func(b *Builder) {
				b.Created(2, at(300))
				b.Occupant(3, process(5, at(200), "/"), 1)
			},
			map[uint32]Age{2: {Exact, at(300), "recording"}, 3: {}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBuilder()
			tt.tell(b)
			b.List(kernelList(1, 2, 3, 4), kernelList(1, 2, 3, 4))
			for _, n := range b.Build(now).Namespaces {
				want, told := tt.want[n.Inum]
				if n.Inum == 1 {
					want, told = Age{Bound: Exact, Sign: ByBoot}, true
				}
				if told && n.Age != want {
					t.Errorf("%d: age %+v, want %+v", n.Inum, n.Age, want)
				}
			}
		})
	}
}

// Without the kernel's list the numbers say nothing of the order.
func TestAgesWithoutOrder(t *testing.T) {
	b := NewBuilder()
	b.Mount(2, Mount{Path: "/a"})
	b.Mount(3, Mount{Path: "/b"})
	b.Existed(3, at(100), ByNsfs)
	inv := b.Build(now)
	if got := inv.Namespaces[0].Age; got != (Age{}) {
		t.Errorf("age %+v of what nothing is known of", got)
	}
}
