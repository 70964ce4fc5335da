// Package inventory collects what is found about the network namespaces that
// exist: who is in each, what else holds it, and how old it is.
//
// It is a pure function of its input. The same namespace may be found in any
// order and in several ways. Long lists are bounded, and count what is left
// out.
package inventory

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
)

// Bounds of what is listed of one namespace. What goes beyond is counted.
const (
	maxListed = 32
	maxPlaces = 64
)

// Bounds of the whole. One user can make namespaces, mounts and processes by the
// ten thousand, with paths and command lines as long as they get.
const (
	// maxTexts bounds in bytes the paths and command lines that are listed.
	maxTexts = 32 << 20
	// maxKnown bounds the files and the mounts that are remembered in order not
	// to count them twice: some 40 bytes each.
	maxKnown = 1 << 18
)

// Process is a process as /proc shows it.
type Process struct {
	// ID is its identity. StartNS is that of /proc, which is exact to 10 ms.
	ID event.ProcessID
	// TID is the thread, if it is not the leader.
	TID uint32
	// Comm is its name, UID its real user id.
	Comm string
	UID  uint32
	// Program is what it runs, Cgroup where it belongs. CgroupKnown is false if
	// the cgroup could not be read.
	Program     event.Program
	Cgroup      string
	CgroupKnown bool
	// Delegated says which names of Cgroup are not the machine's.
	Delegated event.Delegation
	// Described is set once more than ID and Comm is known.
	Described bool
}

// Place is a cgroup with the number of processes of a namespace in it.
type Place struct {
	Cgroup    string
	Delegated event.Delegation
	Processes uint64
}

// File is an open file of nsfs, or a socket, that holds a namespace.
type File struct {
	Process Process
	FD      uint32
	// Ino and Family are a socket's inode number and address family.
	Ino    uint64
	Family uint32
}

// Mount is where a namespace is mounted.
type Mount struct {
	// Path is the mount point, as seen in the mount namespace with the inode
	// number MountInum.
	Path      string
	MountInum uint32
	// Own is set if that is nsblame's own mount namespace.
	Own bool
	// Process is one that sees the mount, if Own is not set.
	Process Process
	// Others counts further views with a mount of it at this path: other mount
	// namespaces, or other roots in the same one.
	Others uint64
}

// Name is what a namespace is called.
type Name struct {
	Name string
	// By says who uses this name: iproute2, docker.
	By string
}

// Kernel is what the kernel's own list says about a namespace.
type Kernel struct {
	// Inum and Cookie are its inode number and its cookie, 0 where it has none.
	Inum   uint32
	Cookie uint64
	// References is its reference count where HasReferences.
	References    uint32
	HasReferences bool
	// UserInum is the inode number of the user namespace that owns it, OwnerUID
	// the user who made that.
	UserInum, OwnerUID uint32
}

// Namespace is a network namespace that exists.
type Namespace struct {
	// Inum is its inode number.
	Inum uint32
	// Initial is set for the machine's own.
	Initial bool
	// Kernel is what the kernel's list says of it, nil if it was not read or
	// does not have it.
	Kernel *Kernel
	// Processes and Threads count who is in it.
	Processes, Threads uint64
	// Listed are the processes that started first, Places the cgroups of all.
	// Elsewhere counts those for whose cgroup there was no room. All are empty
	// for the initial namespace.
	Listed    []Process
	Places    []Place
	Elsewhere uint64
	// Files, Sockets, Messages and Mounts hold it. The counts are of all,
	// listed or not. A message is listed by the socket that it waits in.
	Files, Sockets, Messages           []File
	FileCount, SockCount, MessageCount uint64
	// MountCount counts the paths at which it is mounted.
	Mounts     []Mount
	MountCount uint64
	// Containers are what the files of their runtimes say about containers that have
	// processes in it, in the order of Places.
	Containers []event.Container
	// Age is how long it is known to exist.
	Age Age
	// Unheld is set if two looks found nothing that holds it.
	Unheld bool
}

// Cookie is the namespace's cookie, 0 where it is not known.
func (n *Namespace) Cookie() uint64 {
	if n.Kernel == nil {
		return 0
	}
	return n.Kernel.Cookie
}

// Held reports whether something was found that holds it.
func (n *Namespace) Held() bool {
	return n.Initial || n.Threads > 0 || n.FileCount > 0 || n.SockCount > 0 || n.MessageCount > 0 || n.MountCount > 0
}

// The directories in which the mount of a namespace is its name.
var nameDirs = map[string]string{
	"/run/netns": "iproute2", "/var/run/netns": "iproute2",
	"/run/docker/netns": "docker", "/var/run/docker/netns": "docker",
}

// Names returns what the namespace is called in nsblame's own mount namespace.
// By these names commands find it.
func (n *Namespace) Names() []Name {
	var names []Name
	for _, m := range n.Mounts {
		dir, base := path.Split(m.Path)
		by := nameDirs[strings.TrimSuffix(dir, "/")]
		if name := (Name{base, by}); m.Own && by != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Rights is what nsblame lacks to look into the processes of others.
type Rights string

// What nsblame can lack. The zero value stands for nothing.
const (
	// RightsPtrace: CAP_SYS_PTRACE.
	RightsPtrace Rights = "ptrace"
	// RightsUnconfined: it has that, but in a user namespace, or a security module
	// forbids it.
	RightsUnconfined Rights = "unconfined"
)

// Hidden says why there may be processes that are not seen at all.
type Hidden string

// The reasons. The zero value stands for none.
const (
	// HiddenPIDNamespace: nsblame is in a pid namespace of its own.
	HiddenPIDNamespace Hidden = "pid_namespace"
	// HiddenHidepid: /proc is mounted with hidepid.
	HiddenHidepid Hidden = "hidepid"
)

// Gaps says what could not be read. The zero value has no gaps.
type Gaps struct {
	// Kernel says why the kernel could not be asked for its own list and for
	// sockets outside their process's namespace. Remedy says what to do.
	Kernel, Remedy string
	// KernelCut is set if the kernel's list is longer than what was read.
	KernelCut bool
	// Processes counts processes whose namespace may not be seen. Files counts
	// those whose open files may not be seen, Mounts those whose mounts may
	// not.
	Processes, Files, Mounts uint64
	// Rights is what nsblame lacks to see these.
	Rights Rights
	// Messages counts unix sockets with more unread messages than were looked
	// at.
	Messages uint64
	// Hidden says why there may be processes that are not seen at all.
	Hidden Hidden
	// Failed counts what could not be read for other reasons. Why is the first
	// of them.
	Failed uint64
	Why    string
	// Cut counts what was found and is not listed, because too much was found.
	// Nothing that holds a namespace is unseen for that.
	Cut uint64
	// Changing counts namespaces that came or went during the look.
	Changing uint64
}

// Incomplete reports whether something may hold a namespace unseen.
func (g *Gaps) Incomplete() bool {
	return g.Kernel != "" || g.KernelCut || g.Processes > 0 || g.Files > 0 || g.Mounts > 0 || g.Messages > 0 || g.Hidden != "" || g.Failed > 0
}

// Recount takes the counts of what could not be read from a first look, if the
// same was looked at twice.
func (g *Gaps) Recount(first *Gaps) {
	g.Processes, g.Files, g.Mounts = first.Processes, first.Files, first.Mounts
	g.Failed, g.Why = first.Failed, first.Why
}

// Inventory is all namespaces that were found.
type Inventory struct {
	// Namespaces are in the order of their creation if the kernel's list was
	// read, otherwise of their numbers. The initial one is first.
	Namespaces []*Namespace
	Gaps       Gaps
	// NowNS is when it was taken, nanoseconds since boot.
	NowNS uint64
}

// Builder puts an Inventory together.
type Builder struct {
	Gaps  Gaps
	all   map[uint32]*Namespace
	order []uint32 // of the kernel's list
	// what was added already, because files and mounts may be found twice
	files  map[fileKey]bool
	mounts map[mountKey]int
	// texts is how many bytes of paths and command lines are listed.
	texts  int
	places map[uint32]map[string]int
	since  map[uint32]evidence
	begun  map[uint32]uint64
}

type fileKey struct {
	inum, pid, fd uint32
	kind          fileKind
}

type fileKind int

const (
	openFile fileKind = iota
	socket
	message
)

// mountKey has the hash of a path, which can be long.
type mountKey struct {
	inum uint32
	path [sha256.Size]byte
}

// NewBuilder returns an empty one.
func NewBuilder() *Builder {
	return &Builder{
		all: make(map[uint32]*Namespace), files: make(map[fileKey]bool), mounts: make(map[mountKey]int),
		places: make(map[uint32]map[string]int), since: make(map[uint32]evidence),
		begun: make(map[uint32]uint64),
	}
}

func (b *Builder) at(inum uint32) *Namespace {
	n := b.all[inum]
	if n == nil {
		n = &Namespace{Inum: inum}
		b.all[inum] = n
	}
	return n
}

// Initial says which namespace is the machine's own.
func (b *Builder) Initial(inum uint32) { b.at(inum).Initial = true }

// IsInitial reports whether Initial has named this one.
func (b *Builder) IsInitial(inum uint32) bool {
	n := b.all[inum]
	return n != nil && n.Initial
}

// has reports whether anything was added about a namespace.
func (b *Builder) has(inum uint32) bool { return b.all[inum] != nil }

// Occupant adds a process and the number of its threads in a namespace. Its
// cgroup must be filled in, if it is known.
func (b *Builder) Occupant(inum uint32, p Process, threads uint64) {
	n := b.at(inum)
	n.Processes++
	n.Threads += threads
	if n.Initial {
		return // only the count is kept of it
	}
	b.keepCgroup(&p)
	b.place(n, &p)
	older := func(a, b Process) int {
		return cmp.Or(cmp.Compare(a.ID.StartNS, b.ID.StartNS), cmp.Compare(a.ID.PID, b.ID.PID))
	}
	i, _ := slices.BinarySearchFunc(n.Listed, p, older)
	if i < maxListed {
		n.Listed = slices.Insert(n.Listed, i, p)
		n.Listed = n.Listed[:min(len(n.Listed), maxListed)]
	}
}

// room reports whether texts of that length can be listed, too.
func (b *Builder) room(bytes int) bool {
	if b.texts+bytes > maxTexts {
		b.Gaps.Cut++
		return false
	}
	b.texts += bytes
	return true
}

// keepCgroup leaves the cgroup of a process out if there is no room for it.
func (b *Builder) keepCgroup(p *Process) {
	if p.CgroupKnown && !b.room(len(p.Cgroup)) {
		p.Cgroup, p.CgroupKnown = "", false
	}
}

// describe has a process completed where there is room.
func (b *Builder) describe(p *Process, complete func(*Process)) {
	complete(p)
	size := len(p.Program.Exe)
	for _, arg := range p.Program.Argv {
		size += len(arg)
	}
	if !b.room(size) {
		p.Program.Argv, p.Program.ArgvTruncated, p.Program.ArgvUnread = nil, true, true
		p.Program.Exe, p.Program.ExeTruncated = "", true
	}
}

func (b *Builder) place(n *Namespace, p *Process) {
	if !p.CgroupKnown {
		n.Elsewhere++
		return
	}
	index := b.places[n.Inum]
	if index == nil {
		index = make(map[string]int)
		b.places[n.Inum] = index
	}
	i, known := index[p.Cgroup]
	switch {
	case known:
		n.Places[i].Processes++
	case len(n.Places) == maxPlaces:
		n.Elsewhere++
	default:
		index[p.Cgroup] = len(n.Places)
		n.Places = append(n.Places, Place{p.Cgroup, p.Delegated, 1})
	}
}

// File adds a file of nsfs that is open on a namespace.
func (b *Builder) File(inum uint32, f File) {
	if b.isKnown(fileKey{inum, f.Process.ID.PID, f.FD, openFile}) {
		return
	}
	n := b.at(inum)
	n.FileCount++
	if len(n.Files) < maxListed {
		b.keepCgroup(&f.Process)
		n.Files = append(n.Files, f)
	}
}

// Socket adds a socket in a namespace that its process is not in.
func (b *Builder) Socket(inum uint32, f File) {
	if b.isKnown(fileKey{inum, f.Process.ID.PID, f.FD, socket}) {
		return
	}
	n := b.at(inum)
	n.SockCount++
	if len(n.Sockets) < maxListed {
		b.keepCgroup(&f.Process)
		n.Sockets = append(n.Sockets, f)
	}
}

// Message adds an unread message in a socket of a process. It contains a file
// that is open on a namespace, or a socket in it.
func (b *Builder) Message(inum uint32, f File) {
	if b.isKnown(fileKey{inum, f.Process.ID.PID, f.FD, message}) {
		return
	}
	n := b.at(inum)
	n.MessageCount++
	if len(n.Messages) < maxListed {
		b.keepCgroup(&f.Process)
		n.Messages = append(n.Messages, f)
	}
}

// isKnown notes a file, and reports whether it was known before. Without room it
// is not noted, and counts again if it is found again.
func (b *Builder) isKnown(key fileKey) bool {
	if b.files[key] {
		return true
	}
	if len(b.files) >= maxKnown {
		b.Gaps.Cut++
		return false
	}
	b.files[key] = true
	return false
}

// Mount adds a mount of a namespace.
func (b *Builder) Mount(inum uint32, m Mount) {
	n := b.at(inum)
	key := mountKey{inum, sha256.Sum256([]byte(m.Path))}
	i, known := b.mounts[key]
	switch {
	case !known && len(b.mounts) >= maxKnown:
		n.MountCount++ // again if it is found again
		b.Gaps.Cut++
	case !known && (len(n.Mounts) == maxListed || !b.room(len(m.Path))):
		n.MountCount++
		b.mounts[key] = unlisted
	case !known:
		n.MountCount++
		b.mounts[key] = len(n.Mounts)
		b.keepCgroup(&m.Process)
		n.Mounts = append(n.Mounts, m)
	case i != unlisted:
		kept := &n.Mounts[i]
		kept.Others++
		if m.Own && !kept.Own {
			kept.Own, kept.MountInum, kept.Process = true, m.MountInum, Process{}
		}
	}
}

// maxContainers bounds the containers of a namespace about which something is kept. Those
// of a pod share one namespace.
const maxContainers = 4

// ContainersOf returns the containers that have processes in a namespace and whose names
// are the machine's. Of users' own, and of those within containers, no file tells.
func (n *Namespace) ContainersOf() []cgroup.Container {
	var list []cgroup.Container
	for _, place := range n.Places {
		c := cgroup.ParseDelegated(place.Cgroup, place.Delegated).Container
		if c == nil || c.Claimed || slices.Contains(list, *c) {
			continue
		}
		if list = append(list, *c); len(list) == maxContainers {
			break
		}
	}
	return list
}

// Container adds what the files of its runtime say about a container that has processes
// in a namespace.
func (b *Builder) Container(inum uint32, c *event.Container) {
	n := b.at(inum)
	texts := len(c.Name) + len(c.Image) + len(c.RestartPolicy) + len(c.ComposeProject) + len(c.ComposeService) +
		len(c.PodNamespace) + len(c.PodName) + len(c.PodUID) + len(c.Sandbox) + len(c.NetnsPath)
	if len(n.Containers) < maxContainers && b.room(texts) {
		n.Containers = append(n.Containers, *c)
	}
}

// unlisted stands for a mount for which there is no room in the list.
const unlisted = -1

// List adds the kernel's list, as it was before and after everything else was
// read. A namespace that is in neither has ended meanwhile. One without any
// holder counts only if it is in both.
func (b *Builder) List(before, after []Kernel) {
	stayed := make(map[uint32]Kernel, len(before))
	for _, k := range before {
		stayed[k.Inum] = k
	}
	there := make(map[uint32]bool, len(after))
	for i, k := range after {
		there[k.Inum] = true
		old, known := stayed[k.Inum]
		same := known && (old.Cookie == k.Cookie || old.Cookie == 0)
		dying := k.HasReferences && k.References == 0
		if !b.has(k.Inum) && (!same || dying) {
			b.Gaps.Changing++
			continue
		}
		n := b.at(k.Inum)
		n.Kernel = &k
		n.Initial = n.Initial || i == 0
		b.order = append(b.order, k.Inum)
	}
	for inum, n := range b.all {
		if !there[inum] && !b.Gaps.KernelCut && !n.Initial {
			delete(b.all, inum)
			b.Gaps.Changing++
		}
	}
	for inum := range stayed {
		if !there[inum] && !b.has(inum) {
			b.Gaps.Changing++
		}
	}
}

// Empty returns the namespaces of a list without any known holder.
func (b *Builder) Empty(list []Kernel) []uint32 {
	var empty []uint32
	for _, k := range list {
		if n := b.all[k.Inum]; n == nil || !n.Held() {
			empty = append(empty, k.Inum)
		}
	}
	return empty
}

// Namespaces calls f for each namespace that was added.
func (b *Builder) Namespaces(f func(*Namespace)) {
	for _, inum := range slices.Sorted(maps.Keys(b.all)) {
		f(b.all[inum])
	}
}

// Describe calls complete for each process that is listed.
func (b *Builder) Describe(complete func(*Process)) {
	for _, n := range b.all {
		if n.Initial {
			n.Listed = nil
		}
		for i := range n.Listed {
			b.describe(&n.Listed[i], complete)
		}
		for _, files := range [][]File{n.Files, n.Sockets, n.Messages} {
			for i := range files {
				b.describe(&files[i].Process, complete)
			}
		}
		for i := range n.Mounts {
			if m := &n.Mounts[i]; !m.Own && m.Process.ID.PID != 0 {
				b.describe(&m.Process, complete)
			}
		}
	}
}

// Build returns what was added, as of a time since boot.
func (b *Builder) Build(nowNS uint64) *Inventory {
	inv := &Inventory{Gaps: b.Gaps, NowNS: nowNS}
	rank := make(map[uint32]int, len(b.order))
	for i, inum := range b.order {
		rank[inum] = i + 1
	}
	inv.Namespaces = slices.SortedFunc(maps.Values(b.all), func(a, c *Namespace) int {
		first := func(n *Namespace) int {
			if n.Initial {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(first(a), first(c)), cmp.Compare(rank[a.Inum], rank[c.Inum]), cmp.Compare(a.Inum, c.Inum))
	})
	b.ages(inv)
	for _, n := range inv.Namespaces {
		n.Unheld = !n.Held()
		if n.Initial {
			n.Listed, n.Places, n.Elsewhere = nil, nil, 0
		}
	}
	return inv
}
