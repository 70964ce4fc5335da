package cgroup

import (
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
)

// The runtimes that a Container names.
const (
	// RuntimeDocker is dockerd, also below Amazon ECS or cri-dockerd.
	RuntimeDocker = "docker"
	// RuntimeBuildKit is a build step of docker's BuildKit.
	RuntimeBuildKit = "buildkit"
	// RuntimePodman is podman (libpod).
	RuntimePodman = "podman"
	// RuntimeContainerd is containerd: by its CRI plug-in, nerdctl or ctr.
	RuntimeContainerd = "containerd"
	// RuntimeCRIO is CRI-O.
	RuntimeCRIO = "cri-o"
	// RuntimeKubernetes is a container of a pod whose path doesn't tell the
	// runtime, as with the kubelet's cgroupfs driver.
	RuntimeKubernetes = "kubernetes"
	// RuntimeLXC is LXC, also below LXD, Incus or Proxmox, whose paths are the
	// same.
	RuntimeLXC = "lxc"
	// RuntimeNspawn is systemd-nspawn.
	RuntimeNspawn = "systemd-nspawn"
	// RuntimeLibvirtLXC is libvirt's own container driver.
	RuntimeLibvirtLXC = "libvirt-lxc"
	// RuntimeGarden is Cloud Foundry's Garden.
	RuntimeGarden = "garden"
)

// Container is a container that a path names.
type Container struct {
	// ID is the runtime's own id, or the name where it has no other.
	ID string
	// Runtime is one of the Runtime constants, never empty.
	Runtime string
	// Pod is the pod's uid in Kubernetes, written with dashes, or the pod's id
	// in podman; empty for a container in no pod.
	Pod string
	// Claim says who chose these names.
	Claim
}

// markers are the names that a runtime forms from a container's id alone.
var markers = []struct {
	prefix, runtime string
	// bare tells whether the name also occurs without ".scope", which is what
	// the runtime's cgroupfs driver makes.
	bare bool
	// monitor marks the cgroup of the process that looks after the container.
	monitor bool
}{
	{prefix: "docker-", runtime: RuntimeDocker},
	{prefix: "cri-containerd-", runtime: RuntimeContainerd, bare: true},
	{prefix: "nerdctl-", runtime: RuntimeContainerd},
	{prefix: "libpod-", runtime: RuntimePodman, bare: true},
	{prefix: "libpod-payload-", runtime: RuntimePodman, bare: true}, // --cgroups=split
	{prefix: "libpod-conmon-", runtime: RuntimePodman, bare: true, monitor: true},
	{prefix: "crio-", runtime: RuntimeCRIO, bare: true},
	{prefix: "crio-conmon-", runtime: RuntimeCRIO, bare: true, monitor: true},
}

// found is what one component of a path turned out to be.
type found struct {
	Container
	monitor bool
}

// containerWalk goes down a path component by component and keeps what the
// next one's meaning depends on.
type containerWalk struct {
	// midway is set where the walk doesn't begin at the root of the hierarchy
	// and no container has been entered yet.
	midway bool
	// below counts the components since the root or the last container.
	below int
	// parent and grandparent are the two components above, cleared where a
	// container begins.
	parent, grandparent string
	// pod is the pod that was entered and has no container yet.
	pod string
	// entered is set right below a container's own cgroup.
	entered bool
	// inUser is set below a user's manager or login session.
	inUser bool
	// claim is that of the names from here on, user the user whose slice this is
	// in, if hasUser.
	claim   Claim
	user    uint32
	hasUser bool
	// inUnit is set below the first unit of the path. Only the machine's own names
	// are in front of it.
	inUnit bool
	// machine is how many names are the machine's. Those behind have the claim
	// delegated, unless that is the zero Claim.
	machine   int
	delegated Claim
}

// addContainersOf walks path and keeps the innermost container, the outermost
// one and whether the path ends at a monitor.
func (p *Placement) addContainersOf(w containerWalk, path string) {
	// enclosing is what to return to when a runtime's supervisor turns out to
	// sit below what looked like the container.
	var enclosing, outermost, current, monitor *Container
	var around Claim // of the names in enclosing
	var below, belowEnclosing string
	for {
		var c string
		if c, path = cutComponent(path); c == "" {
			break
		}
		w.enterDelegated()
		if w.entered && inner(current, c) {
			continue
		}
		if w.entered && supervisor(current, c) {
			monitor, current, below = current, enclosing, belowEnclosing
			if outermost == monitor {
				outermost = nil
			}
			w.claim = around
			w.step(c, nil)
			continue
		}
		f := w.read(c)
		if f != nil {
			f.Claim = w.claim
		}
		switch {
		case f == nil:
		case f.monitor:
			monitor = &f.Container
		default:
			enclosing, current, monitor, around = current, &f.Container, nil, w.claim
			belowEnclosing, below = below, path
			if outermost == nil {
				outermost = current
			}
			w.claim.Claimed, w.claim.Within = true, outermost.ID
		}
		w.step(c, f)
	}
	p.Container, p.Monitor = current, monitor
	if current != nil && monitor == nil {
		p.GuestUnit = guestUnit(below)
	}
	if outermost != current {
		p.Outer = outermost
	}
}

// payloads are the levels that runtimes put between a container's own cgroup and what a
// service manager in it makes: nspawn's, crun's, LXC's, and that of LXC's cgroup namespace.
var payloads = []string{"payload", "container", "lxc.payload", "ns"}

// guestUnit is the unit of a container's own service manager, by the path below the
// container.
func guestUnit(below string) string {
	if c, rest := cutComponent(below); slices.Contains(payloads, c) {
		below = rest
	}
	guest := parseUnits(below, event.Delegation{})
	if names := guest.UnitNames(); len(names) > 0 {
		return names[0]
	}
	return ""
}

// supervisor reports whether a runtime keeps its own process in the cgroup c
// right below the one that bears the container's name.
func supervisor(of *Container, c string) bool {
	switch of.Runtime {
	case RuntimeNspawn, RuntimePodman:
		return c == "supervisor"
	case RuntimeLXC:
		return c == "lxc.monitor"
	}
	return false
}

// inner reports whether c, right below the container's cgroup, is a level that
// the runtime puts between that and what the container itself makes, and whose
// name must not be taken for the parent of a further container.
func inner(of *Container, c string) bool {
	return of.Runtime == RuntimeLXC && c == "lxc.payload"
}

// enterDelegated comes before each name. It notes that from here on they are chosen by
// somebody who is known by his directory. Within a container, or where the path has
// told who it is, that changes nothing.
func (w *containerWalk) enterDelegated() {
	if w.machine <= 0 && w.delegated.Claimed && w.claim.Within == "" && !w.claim.HasUID {
		w.claim = w.delegated
	}
	w.machine--
}

// step makes c the parent of what follows.
func (w *containerWalk) step(c string, f *found) {
	w.entered = false
	if f != nil && !f.monitor {
		w.parent, w.grandparent, w.pod = "", "", ""
		w.below, w.entered, w.midway, w.inUser = 0, true, false, false
		return
	}
	if pod := w.readPod(c); pod != "" {
		w.pod = pod
	}
	w.enterUser(c)
	w.grandparent, w.parent = w.parent, c
	w.below++
}

// enterUser notes that from here on a user chooses the names: below his manager,
// and below a login session, whose cgroup may have been handed to him (pam_cgfs).
// Within a container or another user's names that changes nothing.
func (w *containerWalk) enterUser(c string) {
	uid, known, manager := userManager(c)
	isUser := manager || sessionOf(c) != ""
	w.inUser = w.inUser || isUser
	if w.inUnit || w.claim.Claimed {
		return
	}
	if decodeSlice(c) != "" {
		w.user, w.hasUser = sliceOwner(c)
		return
	}
	w.inUnit = true
	if !isUser {
		return
	}
	if !known {
		uid, known = w.user, w.hasUser
	}
	w.claim = Claim{Claimed: true}
	if known {
		w.claim = claimOf(uid)
	}
}

// read tells what component c is, given what stands above it; nil if it is
// neither a container nor its monitor.
func (w *containerWalk) read(c string) *found {
	for _, rule := range [...]func(string) *found{
		w.readMarked, w.readHexID, w.readNspawn, w.readMachine, w.readLXC, w.readBuildKit, w.readGarden,
	} {
		if f := rule(c); f != nil {
			return f
		}
	}
	return nil
}

// readMarked reads names that hold a runtime's mark and an id.
func (w *containerWalk) readMarked(c string) *found {
	name, scope := strings.CutSuffix(c, ".scope")
	for _, m := range markers {
		id, ok := strings.CutPrefix(name, m.prefix)
		if ok && scope && m.runtime == RuntimeDocker && isStep(id) {
			return &found{Container: Container{ID: id, Runtime: RuntimeBuildKit}}
		}
		if !ok || !isHexID(id) || !scope && !m.bare {
			continue
		}
		return &found{Container{ID: id, Runtime: m.runtime, Pod: w.pod}, m.monitor}
	}
	return w.readUnsplit(c)
}

// readUnsplit reads "SLICE:MARK:ID", which is meant for a runtime's systemd
// driver but becomes one directory where the runtime uses its cgroupfs driver
// and the kubelet doesn't.
func (w *containerWalk) readUnsplit(c string) *found {
	slice, rest, ok := strings.Cut(c, ":")
	if !ok || decodeSlice(slice) == "" {
		return nil
	}
	mark, id, ok := strings.Cut(rest, ":")
	if ok && mark == "docker" && isStep(id) {
		return &found{Container: Container{ID: id, Runtime: RuntimeBuildKit}}
	}
	if !ok || !isHexID(id) {
		return nil
	}
	for _, m := range markers {
		if m.prefix == mark+"-" {
			return &found{Container{ID: id, Runtime: m.runtime, Pod: podOfSlice(slice)}, m.monitor}
		}
	}
	return nil
}

// readHexID reads a bare id, which is a container's only in places that a
// runtime is known to use.
func (w *containerWalk) readHexID(c string) *found {
	if !isHexID(c) {
		return nil
	}
	top := w.below == 1 && !w.midway
	var runtime string
	switch {
	case w.parent == "docker":
		runtime = RuntimeDocker
	case w.pod != "" && w.parent != "libpod_parent" && isPod(w.parent):
		runtime = RuntimeKubernetes
	case top && (w.parent == "default" || w.parent == "k8s.io"):
		// containerd's namespaces: nerdctl and ctr, and the CRI plug-in
		// without a kubelet.
		runtime = RuntimeContainerd
	case w.below == 2 && !w.midway && w.grandparent == "ecs":
		runtime = RuntimeDocker
	default:
		return nil
	}
	return &found{Container: Container{ID: c, Runtime: runtime, Pod: w.pod}}
}

// readNspawn reads what is below systemd-nspawn@NAME.service, or below the scope of a
// machine that is not registered. The payload is never in the unit's own cgroup: it gets
// "payload", or on version 1 the cgroups of its own systemd.
func (w *containerWalk) readNspawn(c string) *found {
	if name, ok := between(w.parent, "systemd-nspawn@", ".service"); ok && name != "" {
		return &found{Container{ID: unescape(name), Runtime: RuntimeNspawn}, c == "supervisor"}
	}
	if name := w.unregistered(); name != "" && (c == "payload" || c == "supervisor") {
		return &found{Container{ID: name, Runtime: RuntimeNspawn}, c == "supervisor"}
	}
	return nil
}

// unregistered is the name of the machine that may be below NAME.scope, which
// systemd-nspawn makes where systemd-machined is to know nothing of it
// (allocate_scope in src/nspawn/nspawn-register.c).
func (w *containerWalk) unregistered() string {
	name, ok := strings.CutSuffix(w.parent, ".scope")
	if !ok || w.grandparent != "machine.slice" && !strings.HasPrefix(w.grandparent, "machine-") {
		return ""
	}
	return name
}

// readMachine reads machine-NAME.scope, made by systemd-machined. Virtual
// machines are registered there as well; libvirt puts its driver's name first.
func (w *containerWalk) readMachine(c string) *found {
	if w.parent != "machine.slice" && !strings.HasPrefix(w.parent, "machine-") {
		return nil
	}
	name, ok := between(c, "machine-", ".scope")
	if !ok || name == "" {
		return nil
	}
	name = unescape(name)
	runtime := RuntimeNspawn
	switch libvirtDriver(name) {
	case "":
	case "lxc":
		runtime = RuntimeLibvirtLXC
	default:
		return nil
	}
	return &found{Container: Container{ID: name, Runtime: runtime}}
}

// libvirtDriver returns DRIVER of libvirt's machine names, DRIVER-NUMBER-NAME.
func libvirtDriver(name string) string {
	driver, rest, _ := strings.Cut(name, "-")
	number, _, ok := strings.Cut(rest, "-")
	if !ok || !all(number, isDigit) {
		return ""
	}
	switch driver {
	case "qemu", "lxc", "ch", "xen", "vbox":
		return driver
	}
	return ""
}

// readLXC reads the names of LXC's three generations: lxc/NAME, where LXC
// makes it (at the root, or where an ordinary user may), lxc.payload/NAME and
// lxc.payload.NAME.
func (w *containerWalk) readLXC(c string) *found {
	name, monitor := c, false
	switch {
	case w.parent == "lxc" && (w.inUser || w.below == 1 && !w.midway), w.parent == "lxc.payload":
	case w.parent == "lxc.monitor":
		monitor = true
	case strings.HasPrefix(c, "lxc.payload."):
		name = c[len("lxc.payload."):]
	case strings.HasPrefix(c, "lxc.monitor."):
		name, monitor = c[len("lxc.monitor."):], true
	default:
		return nil
	}
	if name == "" {
		return nil
	}
	return &found{Container{ID: name, Runtime: RuntimeLXC}, monitor}
}

// readBuildKit reads docker/buildkit/ID, a step of "docker build".
func (w *containerWalk) readBuildKit(c string) *found {
	if w.grandparent != "docker" || w.parent != "buildkit" || !all(c, isAlnum) {
		return nil
	}
	return &found{Container: Container{ID: c, Runtime: RuntimeBuildKit}}
}

// isStep reports whether an id is one of a BuildKit step: 25 letters and digits
// (identity.NewID of moby/buildkit).
func isStep(id string) bool { return len(id) == 25 && all(id, isLowerAlnum) }

// readGarden reads garden/HANDLE, and garden/good/HANDLE and garden/bad/HANDLE, by how
// much of its share of the CPU a container uses. A handle is made of hexadecimal groups.
func (w *containerWalk) readGarden(c string) *found {
	shared := w.grandparent == "garden" && (w.parent == "good" || w.parent == "bad") && w.below == 2
	if w.midway || !shared && (w.parent != "garden" || w.below != 1) {
		return nil
	}
	if strings.Count(c, "-") != 4 || !all(strings.ReplaceAll(c, "-", ""), isLowerHex) {
		return nil
	}
	return &found{Container: Container{ID: c, Runtime: RuntimeGarden}}
}

// readPod returns the pod that c is the cgroup of, "" if it is none's.
func (w *containerWalk) readPod(c string) string {
	if id := podOfSlice(c); id != "" {
		return id
	}
	if w.parent == "libpod_parent" && isHexID(c) {
		return c
	}
	if w.parent == "kubepods" || w.grandparent == "kubepods" && (w.parent == "burstable" || w.parent == "besteffort") {
		return podUID(c)
	}
	return ""
}

// isPod reports whether a component is a pod's cgroup in Kubernetes.
func isPod(c string) bool { return podUID(c) != "" || podOfSlice(c) != "" }

// podOfSlice reads the slices of pods: Kubernetes' [kubelet-]kubepods[-QOS]-
// podUID.slice and podman's machine-libpod_pod_ID.slice.
func podOfSlice(c string) string {
	name, ok := strings.CutSuffix(c, ".slice")
	if !ok {
		return ""
	}
	if _, id, ok := strings.Cut(name, "-libpod_pod_"); ok && isHexID(id) {
		return id
	}
	i := strings.LastIndexByte(name, '-')
	if i < 0 || !strings.Contains(name[:i], "kubepods") {
		return ""
	}
	return podUID(name[i+1:])
}

// podUID reads "podUID". The systemd driver writes the dashes as underscores;
// a static pod's uid is a hash without any.
func podUID(c string) string {
	uid, ok := strings.CutPrefix(c, "pod")
	if !ok {
		return ""
	}
	uid = strings.ReplaceAll(uid, "_", "-")
	digits := strings.ReplaceAll(uid, "-", "")
	if len(digits) != 32 || len(uid) != 32 && len(uid) != 36 || !all(digits, isLowerHex) {
		return ""
	}
	return uid
}

// isHexID reports whether s is an id as docker, podman, containerd and CRI-O
// make them: 64 hexadecimal digits.
func isHexID(s string) bool { return len(s) == 64 && all(s, isLowerHex) }
