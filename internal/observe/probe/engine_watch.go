package probe

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/hostroot"
)

const (
	// engineScan is how often it looks for new engines.
	engineScan = 5 * time.Second
	// engineRest is how many times longer than a look it rests, if that is longer: where
	// there are many processes, to look at all takes long.
	engineRest = 50
)

// Bounds of one look.
const (
	// maxListed bounds the processes that are looked at, those with low pids first.
	maxListed = 1 << 15
	// maxEngineProcesses bounds the engines whose sockets are looked for.
	maxEngineProcesses = 64
	// maxEngineFDs bounds the open files of one that are looked at.
	maxEngineFDs = 4096
	// maxSocketList bounds what is read of a list of sockets, in bytes.
	maxSocketList = 4 << 20
	// looksAtProcess is how often a new process is looked at, since it may call exec
	// late. All are looked at in every looksAtAll-th turn.
	looksAtProcess, looksAtAll = 3, 12
)

// enginePaths are the sockets of engines where their packages put them.
var enginePaths = []struct {
	path   string
	engine event.Engine
}{
	{"/run/docker.sock", event.EngineDocker},
	{"/var/run/docker.sock", event.EngineDocker},
	{"/run/podman/podman.sock", event.EnginePodman},
	{"/run/containerd/containerd.sock", event.EngineContainerd},
	{"/run/k3s/containerd/containerd.sock", event.EngineContainerd},
	{"/var/snap/microk8s/common/run/containerd.sock", event.EngineContainerd},
	{"/run/crio/crio.sock", event.EngineCRIO},
	{"/var/run/crio/crio.sock", event.EngineCRIO},
	{"/var/lib/lxd/unix.socket", event.EngineLXD},
	{"/var/snap/lxd/common/lxd/unix.socket", event.EngineLXD},
	{"/var/lib/incus/unix.socket", event.EngineIncus},
	{"/run/incus/unix.socket", event.EngineIncus},
}

// engineListener is a socket that an engine listens on.
type engineListener struct {
	path   string
	uid    uint32
	grpc   bool
	holder uint32 // the engine's process, 0 if it is not there
}

// engineWatch keeps the table of engines' sockets. It has a goroutine of its own, for to
// look at all processes takes some milliseconds.
type engineWatch struct {
	// put and remove change the table.
	put    func(engineListener) error
	remove func(path string) error
	// listed bounds the processes that are looked at.
	listed int
	// gap takes what is not heard, in words, when that changes. Empty stands for
	// nothing.
	gap     func(why string)
	lastGap string

	turn      int
	processes map[uint32]lookedAt
	listening map[string]engineListener

	// noticed are sockets of which the kernel half says that they may be an engine's.
	noticed     chan noticed
	stop, ended chan struct{}
	once        sync.Once
}

// noticed is a socket on which a process listens that is called as an engine is.
type noticed struct {
	pid  uint32
	path string
}

// maxNoticed bounds those that wait to be looked at.
const maxNoticed = 64

// lookedAt is what is known of a process.
type lookedAt struct {
	looks  int
	engine event.Engine
}

// newEngineWatch puts the well-known sockets into the table.
func newEngineWatch(put func(engineListener) error, remove func(path string) error, gap func(why string)) *engineWatch {
	w := &engineWatch{
		put: put, remove: remove, listed: maxListed, gap: gap, processes: make(map[uint32]lookedAt), listening: make(map[string]engineListener),
		noticed: make(chan noticed, maxNoticed), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	for _, l := range wellKnownListeners() {
		w.listen(l) // the first look tells what can't be
	}
	return w
}

func wellKnownListeners() []engineListener {
	var list []engineListener
	for _, p := range enginePaths {
		list = append(list, engineListener{path: p.path, grpc: usesGRPC(p.engine)})
	}
	return list
}

// run looks for engines until Close.
func (w *engineWatch) run() {
	defer close(w.ended)
	for {
		begun := time.Now()
		w.look()
		if !w.rest(max(engineScan, engineRest*time.Since(begun))) {
			return
		}
	}
}

// rest waits for a time, in which it takes what is noticed. It returns false once it is to
// end.
func (w *engineWatch) rest(d time.Duration) bool {
	over := time.NewTimer(d)
	defer over.Stop()
	for {
		select {
		case <-w.stop:
			return false
		case <-over.C:
			return true
		case n := <-w.noticed:
			w.take(n)
		}
	}
}

// notice says that a socket may be an engine's. It does not wait: if there are too many,
// the next look finds it.
func (w *engineWatch) notice(n noticed) {
	select {
	case w.noticed <- n:
	default:
	}
}

// take has a socket in the table at once if it is an engine's. Its name alone proves
// nothing.
func (w *engineWatch) take(n noticed) {
	if _, known := w.listening[n.path]; known {
		return
	}
	exe, err := executable(n.pid)
	if err != nil {
		return
	}
	engine := engineOf(exe)
	info, err := os.Stat(procPath(n.pid, ""))
	if err != nil || engine == "" || engine == noEngine || !takesRequests(engine, n.path) {
		return
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	// the next look tells what can't be heard
	_ = w.listen(engineListener{path: n.path, uid: st.Uid, grpc: usesGRPC(engine), holder: n.pid})
	w.processes[n.pid] = lookedAt{looks: looksAtProcess, engine: engine}
}

// Close ends run, and waits for it.
func (w *engineWatch) Close() {
	w.once.Do(func() { close(w.stop) })
	<-w.ended
}

// look takes one turn.
func (w *engineWatch) look() {
	w.turn++
	now := make(map[string]engineListener)
	for _, l := range wellKnownListeners() {
		now[l.path] = l
	}
	for _, l := range userListeners() {
		now[l.path] = l
	}
	lists := make(map[string][]unixListener) // by network namespace
	processes, all := w.engineProcesses()
	var gaps []string
	if !all {
		gaps = append(gaps, "there are more processes than are looked at, and some of them may be engines")
	}
	for _, pid := range processes {
		engine := w.processes[pid].engine
		inodes := socketsOf(pid)
		for _, l := range listenersOf(pid, engine, inodes, lists) {
			if old, ok := now[l.path]; !ok || old.holder == 0 {
				now[l.path] = l
			}
		}
		if listensOverTCP(pid, engine, inodes) {
			gaps = append(gaps, string(engine)+" listens on TCP as well, where requests are not heard")
		}
		if isApart(pid) {
			gaps = append(gaps, string(engine)+" runs as root in a user namespace of its own, where requests are not heard")
		}
	}
	w.tell(append(gaps, w.update(now)...))
}

// update has these sockets in the table, and no others. It returns what can't be heard for it.
func (w *engineWatch) update(now map[string]engineListener) (gaps []string) {
	for path := range w.listening {
		if _, still := now[path]; still {
			continue
		}
		if err := w.remove(path); err != nil {
			gaps = append(gaps, "the table of engines can't be changed: "+err.Error())
			continue
		}
		delete(w.listening, path)
	}
	for _, path := range slices.Sorted(maps.Keys(now)) {
		if why := w.listen(now[path]); why != "" {
			gaps = append(gaps, why)
		}
	}
	return gaps
}

// tell reports the first of the gaps, if that is another one than before.
func (w *engineWatch) tell(gaps []string) {
	why := ""
	if len(gaps) > 0 {
		why = gaps[0]
	}
	if why != w.lastGap {
		w.lastGap = why
		w.gap(why)
	}
}

// listen has a socket in the table. It returns why it can't be heard, empty if it can.
func (w *engineWatch) listen(l engineListener) (why string) {
	old, known := w.listening[l.path]
	if known && old == l {
		return ""
	}
	if !known && len(w.listening) >= int(bpfLimitENGINE_SOCKETS) {
		return "there are more engines than are listened to, one of them at " + l.path
	}
	if err := w.put(l); err != nil {
		return "the table of engines can't be changed: " + err.Error()
	}
	w.listening[l.path] = l
	return ""
}

// engineProcesses returns the processes that are engines, those with low pids first. all is
// false if there are more processes, or more engines, than are looked at.
func (w *engineWatch) engineProcesses() (list []uint32, all bool) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, false
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(w.listed)
	_, err = dir.Readdirnames(1)
	all = errors.Is(err, io.EOF)
	old := w.processes
	w.processes = make(map[uint32]lookedAt, len(names))
	for _, name := range names {
		n, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			continue
		}
		pid := uint32(n)
		p := w.lookAt(pid, old[pid])
		w.processes[pid] = p
		if p.engine != "" && p.engine != noEngine {
			list = append(list, pid)
		}
	}
	slices.Sort(list)
	return list[:min(len(list), maxEngineProcesses)], all && len(list) <= maxEngineProcesses
}

// lookAt looks at a process of which this is known, if it is its turn.
func (w *engineWatch) lookAt(pid uint32, p lookedAt) lookedAt {
	if p.looks >= looksAtProcess && w.turn%looksAtAll != 0 {
		return p
	}
	p.looks++
	p.engine = ""
	if exe, err := executable(pid); err == nil {
		p.engine = engineOf(exe)
	}
	return p
}

// isApart reports whether a process is root, but in another user namespace than nsblame. The
// kernel half does not take such a one for the machine's root.
func isApart(pid uint32) bool {
	info, err := os.Stat(procPath(pid, ""))
	if err != nil {
		return false
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 {
		return false
	}
	own, err1 := os.Readlink(procPath(pid, "ns/user"))
	machines, err2 := os.Readlink("/proc/self/ns/user")
	return err1 == nil && err2 == nil && own != machines
}

// userListeners are the sockets that users' engines have by default, for those who are
// logged in.
func userListeners() []engineListener {
	const maxUsers = 16
	entries, _ := os.ReadDir(hostroot.Path("/run/user"))
	var list []engineListener
	for _, e := range entries[:min(len(entries), maxUsers)] {
		uid, err := strconv.ParseUint(e.Name(), 10, 32)
		if err != nil {
			continue
		}
		for _, socket := range []string{"/docker.sock", "/podman/podman.sock"} {
			path := "/run/user/" + e.Name() + socket
			if _, err := os.Lstat(hostroot.Path(path)); err == nil {
				list = append(list, engineListener{path: path, uid: uint32(uid)})
			}
		}
	}
	return list
}

// unixListener is a unix socket of a list of the kernel's.
type unixListener struct {
	inode uint64
	path  string
}

// listenersOf returns the sockets that a process listens on, as those of an engine.
func listenersOf(pid uint32, engine event.Engine, inodes map[uint64]bool, lists map[string][]unixListener) []engineListener {
	info, err := os.Stat(procPath(pid, ""))
	if err != nil {
		return nil
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || len(inodes) == 0 {
		return nil
	}
	netns, err := os.Readlink(procPath(pid, "ns/net"))
	if err != nil {
		return nil
	}
	all, ok := lists[netns]
	if !ok {
		all = readUnixListeners(pid)
		lists[netns] = all
	}
	var list []engineListener
	for _, l := range all {
		if inodes[l.inode] && takesRequests(engine, l.path) {
			list = append(list, engineListener{path: l.path, uid: st.Uid, grpc: usesGRPC(engine), holder: pid})
		}
	}
	slices.SortFunc(list, func(a, b engineListener) int { return cmp.Compare(a.path, b.path) })
	return list
}

// takesRequests reports whether an engine takes requests on a socket. Each has others, for
// its plugins and shims.
func takesRequests(engine event.Engine, path string) bool {
	switch engine {
	case event.EngineContainerd:
		return strings.Contains(path, "containerd") && !strings.HasSuffix(path, ".ttrpc")
	case event.EngineCRIO:
		return strings.Contains(path, "crio")
	case event.EngineDocker:
		return !strings.Contains(path, "/run/docker/") && !strings.Contains(path, "/plugins/")
	case event.EngineLXD, event.EngineIncus:
		return strings.HasSuffix(path, "/unix.socket")
	default:
		return true
	}
}

// listensOverTCP reports whether an engine listens on a TCP socket, where it may be asked
// for containers. Containerd and CRI-O have one for the streams of what runs already.
func listensOverTCP(pid uint32, engine event.Engine, inodes map[uint64]bool) bool {
	if usesGRPC(engine) {
		return false
	}
	for _, name := range []string{"net/tcp", "net/tcp6"} {
		file, err := os.Open(procPath(pid, name))
		if err != nil {
			continue
		}
		listens := hasTCPListener(io.LimitReader(file, maxSocketList), inodes)
		_ = file.Close()
		if listens {
			return true
		}
	}
	return false
}

// hasTCPListener looks for a listening socket among those of a list of the kernel's
// (net/ipv4/tcp_ipv4.c, get_tcp4_sock).
func hasTCPListener(r io.Reader, inodes map[uint64]bool) bool {
	const listen = "0A" // TCP_LISTEN
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != listen {
			continue
		}
		if inode, err := strconv.ParseUint(fields[9], 10, 64); err == nil && inodes[inode] {
			return true
		}
	}
	return false
}

// socketsOf returns the inode numbers of the sockets that a process has open.
func socketsOf(pid uint32) map[uint64]bool {
	dir, err := os.Open(procPath(pid, "fd"))
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(maxEngineFDs)
	inodes := make(map[uint64]bool)
	for _, name := range names {
		target, err := os.Readlink(procPath(pid, "fd/"+name))
		if err != nil {
			continue
		}
		number, ok := strings.CutPrefix(target, "socket:[")
		if !ok {
			continue
		}
		if inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64); err == nil {
			inodes[inode] = true
		}
	}
	return inodes
}

func readUnixListeners(pid uint32) []unixListener {
	file, err := os.Open(procPath(pid, "net/unix"))
	if err != nil {
		return nil
	}
	defer file.Close()
	return parseUnixListeners(io.LimitReader(file, maxSocketList))
}

// parseUnixListeners reads the stream sockets that are bound to a path and listened on
// (net/unix/af_unix.c, unix_seq_show).
func parseUnixListeners(r io.Reader) []unixListener {
	const (
		accepts = "00010000" // __SO_ACCEPTCON
		stream  = "0001"
	)
	var list []unixListener
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || fields[3] != accepts || fields[4] != stream || fields[7][0] != '/' {
			continue
		}
		_, path, _ := strings.Cut(lines.Text(), " /")
		path = "/" + path
		inode, err := strconv.ParseUint(fields[6], 10, 64)
		if err == nil && len(path) < len(bpfEnginePath{}.Text) {
			list = append(list, unixListener{inode, path})
		}
	}
	return list
}
