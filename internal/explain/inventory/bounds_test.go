package inventory

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// size is what the listed texts take.
func size(inv *Inventory) int {
	n := 0
	process := func(p *Process) {
		n += len(p.Cgroup) + len(p.Program.Exe)
		for _, arg := range p.Program.Argv {
			n += len(arg)
		}
	}
	for _, ns := range inv.Namespaces {
		for i := range ns.Mounts {
			n += len(ns.Mounts[i].Path)
			process(&ns.Mounts[i].Process)
		}
		for i := range ns.Containers {
			n += len(ns.Containers[i].Name) + len(ns.Containers[i].Image)
		}
		for i := range ns.Places {
			n += len(ns.Places[i].Cgroup)
		}
		for i := range ns.Listed {
			process(&ns.Listed[i])
		}
		for _, files := range [][]File{ns.Files, ns.Sockets, ns.Messages} {
			for i := range files {
				process(&files[i].Process)
			}
		}
	}
	return n
}

// However much a user piles up, what is listed has a bound in bytes, what is left
// out is reported, and nothing that is held counts as a leak.
func TestAnInventoryHasABound(t *testing.T) {
	long := strings.Repeat("x", 4000)
	cgroup := process(1, 1, "/user.slice/"+long)
	for _, tt := range []struct {
		name string
		add  func(b *Builder, inum uint32)
	}{
		{"mounts", func(b *Builder, inum uint32) {
			for i := range 40 {
				b.Mount(inum, Mount{Path: fmt.Sprint("/", inum, "/", i, long)})
			}
		}},
		{"who sees mounts", func(b *Builder, inum uint32) {
			for i := range 40 {
				b.Mount(inum, Mount{Path: fmt.Sprint("/", inum, "/", i), Process: cgroup})
			}
		}},
		{"containers", func(b *Builder, inum uint32) {
			for range maxContainers {
				b.Container(inum, &event.Container{Name: long + long, Image: long + long})
			}
			b.Mount(inum, Mount{Path: "/x"})
		}},
		{"cgroups", func(b *Builder, inum uint32) {
			for i := range uint32(40) {
				p := cgroup
				p.ID.PID, p.Cgroup = i, fmt.Sprint(p.Cgroup, i)
				b.Occupant(inum, p, 1)
			}
		}},
		{"command lines", func(b *Builder, inum uint32) { b.Occupant(inum, process(inum, 1, "/"), 1) }},
		{"open files", func(b *Builder, inum uint32) {
			for fd := range uint32(40) {
				b.File(inum, File{Process: cgroup, FD: fd})
				b.Socket(inum, File{Process: cgroup, FD: fd})
				b.Message(inum, File{Process: cgroup, FD: fd})
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBuilder()
			const namespaces = 1000
			var list []uint32
			for inum := range uint32(namespaces) {
				tt.add(b, inum+2)
				list = append(list, inum+2)
			}
			argv := []string{strings.Repeat("a", 64<<10)}
			b.Describe(func(p *Process) {
				p.Program, p.Described = event.Program{Argv: argv}, true
			})
			b.List(kernelList(list...), kernelList(list...))
			inv := b.Build(now)
			if n := size(inv); n > 2*maxTexts || n == 0 {
				t.Errorf("%d bytes are listed", n)
			}
			if inv.Gaps.Cut == 0 || inv.Gaps.Incomplete() {
				t.Errorf("gaps %+v", inv.Gaps)
			}
			for _, n := range inv.Namespaces {
				if n.Unheld {
					t.Fatalf("%d counts as held by nothing", n.Inum)
				}
			}
		})
	}
}

// What is remembered in order not to count twice has a bound, too.
func TestWhatIsRememberedOfMountsAndFilesHasABound(t *testing.T) {
	b := NewBuilder()
	for i := range uint32(maxKnown + 10) {
		b.Mount(7, Mount{Path: fmt.Sprint("/", i)})
		b.File(8, File{FD: i})
	}
	if len(b.mounts) > maxKnown || len(b.files) > maxKnown {
		t.Errorf("%d mounts and %d files are remembered", len(b.mounts), len(b.files))
	}
	inv := b.Build(now)
	for _, n := range inv.Namespaces {
		if n.MountCount+n.FileCount != maxKnown+10 {
			t.Errorf("%d: %d mounts, %d files", n.Inum, n.MountCount, n.FileCount)
		}
	}
	if inv.Gaps.Cut != 20 {
		t.Errorf("%d cut", inv.Gaps.Cut)
	}
}
