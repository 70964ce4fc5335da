package holders

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/explain/inventory"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// tree is a procfs made of files.
type tree struct {
	t    *testing.T
	root string
}

func newTree(t *testing.T) tree {
	t.Helper()
	return tree{t, t.TempDir()}
}

func (f tree) write(name, content string) {
	f.t.Helper()
	at := filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f tree) link(name, target string) {
	f.t.Helper()
	at := filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Symlink(target, at); err != nil {
		f.t.Fatal(err)
	}
}

// process adds one whose threads are in the namespaces given, the leader first.
func (f tree) process(pid int, comm string, nets ...int) {
	f.t.Helper()
	dir := strconv.Itoa(pid) + "/"
	f.write(dir+"stat", strconv.Itoa(pid)+" ("+comm+") S 1 1 1 0 -1 4194560"+strings.Repeat(" 0", 12)+" "+strconv.Itoa(pid*10)+" 0\n")
	f.write(dir+"status", "Name:\tx\nUid:\t1000\t0\t0\t0\n")
	f.write(dir+"cgroup", "1:name=systemd:/other\n0::/system.slice/"+comm+".service\n")
	f.write(dir+"cmdline", comm+"\x00--flag\x00")
	f.write(dir+"mountinfo", "")
	f.link(dir+"ns/mnt", "mnt:[100]")
	f.link(dir+"root", "/")
	if err := os.MkdirAll(filepath.Join(f.root, dir+"fd"), 0o755); err != nil {
		f.t.Fatal(err)
	}
	for i, net := range nets {
		f.link(dir+"task/"+strconv.Itoa(pid+i)+"/ns/net", "net:["+strconv.Itoa(net)+"]")
	}
	f.link(dir+"ns/net", "net:["+strconv.Itoa(nets[0])+"]")
}

func (f tree) scan(s Scan) (*inventory.Inventory, *inventory.Builder) {
	f.t.Helper()
	b := inventory.NewBuilder()
	s.Root, s.To, s.Hierarchy = f.root, b, kernel.HierarchyUnified
	if err := s.Run(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	b.Describe(s.Complete)
	return b.Build(1e12), b
}

func find(t *testing.T, inv *inventory.Inventory, inum uint32) *inventory.Namespace {
	t.Helper()
	for _, n := range inv.Namespaces {
		if n.Inum == inum {
			return n
		}
	}
	t.Fatalf("namespace %d was not found", inum)
	return nil
}

func TestOccupants(t *testing.T) {
	f := newTree(t)
	f.process(20, "leader", 7, 7, 8)
	f.process(10, "older", 7)
	inv, _ := f.scan(Scan{})
	seven := find(t, inv, 7)
	if seven.Processes != 2 || seven.Threads != 3 || len(seven.Listed) != 2 {
		t.Fatalf("%+v", seven)
	}
	first := seven.Listed[0]
	if first.ID.PID != 10 || first.ID.StartNS != 1e9 || first.UID != 1000 || !first.Described ||
		first.Cgroup != "/system.slice/older.service" {
		t.Errorf("first = %+v", first)
	}
	if diff := cmp.Diff([]string{"older", "--flag"}, first.Program.Argv); diff != "" {
		t.Errorf("argv (-want +got):\n%s", diff)
	}
	eight := find(t, inv, 8)
	if eight.Processes != 1 || eight.Listed[0].ID.PID != 20 || eight.Listed[0].TID != 22 {
		t.Errorf("of a thread alone: %+v", eight)
	}
}

func TestFilesAndWriters(t *testing.T) {
	f := newTree(t)
	f.process(20, "holder", 7)
	f.link("20/fd/3", "net:[9]")
	f.link("20/fd/4", "mnt:[9]")
	f.link("20/fd/5", "/tmp/net:[10]")
	f.link("20/fd/6", "net:[99999999999]")
	f.link("20/fd/8", "/var/r.avro")
	f.link("20/fd/9", "/var/read.avro")
	f.write("20/fdinfo/8", "pos:\t0\nflags:\t02100001\n")
	f.write("20/fdinfo/9", "pos:\t0\nflags:\t02100000\n")
	writers := map[string]bool{"/var/r.avro": false, "/var/read.avro": false}
	inv, _ := f.scan(Scan{Writers: writers})
	nine := find(t, inv, 9)
	if nine.FileCount != 1 || nine.Files[0].FD != 3 || nine.Files[0].Process.Comm != "holder" || nine.Processes != 0 {
		t.Errorf("%+v", nine)
	}
	if len(inv.Namespaces) != 2 {
		t.Errorf("%d namespaces, want 2", len(inv.Namespaces))
	}
	if diff := cmp.Diff(map[string]bool{"/var/r.avro": true, "/var/read.avro": false}, writers); diff != "" {
		t.Errorf("writers (-want +got):\n%s", diff)
	}
}

func TestMounts(t *testing.T) {
	f := newTree(t)
	f.process(10, "host", 7)
	f.process(20, "same", 7)
	f.process(30, "box", 7)
	f.link("self", "10")
	blue := "36 35 0:4 net:[9] /run/netns/blue rw shared:1 - nsfs nsfs rw\n"
	host := "1 0 8:1 / / rw - ext4 /dev/vda rw\n" + blue +
		"37 35 0:4 mnt:[9] /run/mnt rw - nsfs nsfs rw\n" +
		"38 35 0:4 net:[9] /odd\\040name\\012\\134 rw - nsfs nsfs rw\n" +
		"39 35 0:4 net:[10] / rw - tmpfs net:[10] rw\n"
	f.write("10/mountinfo", host)
	f.write("20/mountinfo", host) // the same view, which is read once
	if err := os.Remove(filepath.Join(f.root, "30/ns/mnt")); err != nil {
		t.Fatal(err)
	}
	f.link("30/ns/mnt", "mnt:[200]")
	f.write("30/mountinfo", blue+"40 35 0:4 net:[11] /run/netns/own rw - nsfs nsfs rw\n")
	inv, _ := f.scan(Scan{})
	nine := find(t, inv, 9)
	want := []inventory.Mount{
		{Path: "/run/netns/blue", MountInum: 100, Own: true, Others: 1},
		{Path: "/odd name\n\\", MountInum: 100, Own: true},
	}
	if diff := cmp.Diff(want, nine.Mounts); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]inventory.Name{{Name: "blue", By: "iproute2"}}, nine.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	// elsewhere, who has the mount is of interest
	elsewhere := find(t, inv, 11)
	if m := elsewhere.Mounts[0]; m.Process.ID.PID != 30 || m.Process.Cgroup != "/system.slice/box.service" || !m.Process.Described {
		t.Errorf("a mount of %+v", m.Process)
	}
	// what another mount namespace calls it, no command here finds
	if names := elsewhere.Names(); names != nil {
		t.Errorf("names %v of a mount elsewhere", names)
	}
	if len(inv.Namespaces) != 3 || inv.Gaps.Incomplete() {
		t.Errorf("%d namespaces, gaps %+v", len(inv.Namespaces), inv.Gaps)
	}
}

func TestKernelThreadsTellTheInitialNamespace(t *testing.T) {
	f := newTree(t)
	f.process(2, "kthreadd", 5)
	f.write("2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984"+strings.Repeat(" 0", 12)+" 1 0\n")
	f.process(10, "host", 5)
	inv, _ := f.scan(Scan{})
	if n := find(t, inv, 5); !n.Initial || n.Processes != 1 || n.Listed != nil {
		t.Errorf("%+v", n)
	}
}

// A process that ends while it is looked at is no gap, something of unknown form
// is one.
func TestGoneAndMalformed(t *testing.T) {
	f := newTree(t)
	f.process(10, "stays", 5)
	f.process(20, "ends", 5)
	for _, name := range []string{"20/task", "20/fd", "20/ns", "20/mountinfo"} {
		if err := os.RemoveAll(filepath.Join(f.root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(f.root, "30"), 0o755); err != nil {
		t.Fatal(err)
	}
	inv, _ := f.scan(Scan{})
	if n := find(t, inv, 5); n.Processes != 1 || inv.Gaps.Incomplete() {
		t.Errorf("%+v, gaps %+v", n, inv.Gaps)
	}
	f.write("30/stat", "30 no comm\n")
	inv, _ = f.scan(Scan{})
	if inv.Gaps.Failed != 1 || !strings.Contains(inv.Gaps.Why, "/proc/30/stat: unexpected form") {
		t.Errorf("gaps %+v", inv.Gaps)
	}
}

func TestOnly(t *testing.T) {
	f := newTree(t)
	f.process(10, "a", 5)
	f.process(20, "b", 6)
	f.link("20/fd/3", "net:[5]")
	inv, _ := f.scan(Scan{Only: map[uint32]bool{6: true}})
	if len(inv.Namespaces) != 1 || inv.Namespaces[0].Inum != 6 {
		t.Errorf("%+v", inv.Namespaces)
	}
}

func TestAPidThatAnotherProcessHas(t *testing.T) {
	f := newTree(t)
	f.process(10, "a", 5)
	s := Scan{Root: f.root, Hierarchy: kernel.HierarchyUnified}
	p := inventory.Process{Comm: "old"}
	p.ID.PID, p.ID.StartNS = 10, 55e7
	s.Complete(&p)
	if _, ok := s.Known(p.ID); ok || p.Described {
		t.Errorf("%+v is taken for the process that has its pid", p)
	}
	p.ID.StartNS = 1e9 + 1234
	if _, ok := s.Known(p.ID); !ok {
		t.Error("a time within the tick is not known")
	}
}

func FuzzParseMount(f *testing.F) {
	f.Add("36 35 0:4 net:[4026532177] /run/netns/blue rw shared:1 - nsfs nsfs rw")
	f.Add(`36 35 0:4 net:[1] \1 - nsfs `)
	f.Fuzz(func(t *testing.T, line string) {
		inum, point, ok := parseMount(line)
		if ok && !strings.Contains(line, "net:["+strconv.FormatUint(uint64(inum), 10)+"]") &&
			!strings.Contains(line, "net:[") || len(point) > len(line) {
			t.Errorf("parseMount(%q) = %d, %q", line, inum, point)
		}
	})
}
