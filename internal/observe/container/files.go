package container

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
)

const (
	// maxFile bounds a file of one container. Most have some KiB.
	maxFile = 1 << 20
	// maxStorage bounds the file that has all containers of podman, some 1 KiB each.
	maxStorage = 4 << 20
)

var (
	// errID is returned for what is no id of a container: it would be part of a path.
	errID = errors.New("that is no id of a container")
	// errKind is returned for a runtime whose files say no more than the id does.
	errKind = errors.New("this runtime has no files that say more")
)

// notYetError is returned where a file is not there, or is being written: it may be there
// in a moment.
type notYetError struct{ error }

// Unwrap returns what is the matter.
func (e *notYetError) Unwrap() error { return e.error }

func isNotYet(err error) bool {
	var e *notYetError
	return errors.As(err, &e)
}

// tree is what files are read from. See package rootfile.
type tree interface {
	Read(name string, limit int) ([]byte, error)
	HasDir(name string) bool
}

// files looks things up in the files of runtimes.
type files struct{ tree tree }

// look returns what the files of its runtime say about a container.
func (f files) look(q event.ContainerQuestion) (*event.Container, error) {
	if !isID(q.ID) || q.Namespace != "" && !isID(q.Namespace) {
		return nil, errID
	}
	out := &event.Container{Question: q}
	var err error
	switch q.Runtime {
	case cgroup.RuntimeDocker:
		err = f.docker(out)
	case cgroup.RuntimeContainerd:
		err = f.containerd(out)
	case cgroup.RuntimePodman, cgroup.RuntimeCRIO:
		err = f.storage(out)
	case cgroup.RuntimeKubernetes:
		err = f.any(out)
	default:
		err = errKind
	}
	if err != nil {
		return nil, err
	}
	bound(out)
	return out, nil
}

// any looks in the files of all runtimes, one of which has the container.
func (f files) any(out *event.Container) error {
	var errs []error
	for _, look := range []func(*event.Container) error{f.containerd, f.storage, f.docker} {
		err := look(out)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	if i := slices.IndexFunc(errs, isNotYet); i >= 0 {
		return errs[i]
	}
	return errs[0]
}

// isID reports whether a text can be the id of a container, or a namespace of
// containerd: one part of a path.
func isID(s string) bool {
	if s == "" || len(s) > 255 || s[0] == '.' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-", r))
	}) < 0
}

// dockerRoots are where docker keeps its data if nobody says otherwise: as a package,
// and as a snap.
var dockerRoots = []string{"/var/lib/docker", "/var/snap/docker/common/var-lib-docker"}

// docker reads config.v2.json and hostconfig.json, which docker writes when it creates a
// container.
func (f files) docker(out *event.Container) error {
	roots := dockerRoots
	if root := f.dockerDataRoot(); root != "" {
		roots = []string{root}
	}
	var dirs []string
	for _, root := range roots {
		dirs = append(dirs, path.Join(root, "containers", out.Question.ID))
	}
	dir, err := f.first(dirs, "config.v2.json", func(_ string, text []byte) error { return parseDocker(text, out) })
	if err != nil {
		return err
	}
	// what it says is worth something without this
	if text, err := f.tree.Read(path.Join(dir, "hostconfig.json"), maxFile); err == nil {
		_ = parseDockerHost(text, out)
	}
	return nil
}

// dockerDataRoot is where docker's settings say that it keeps its data, empty if they
// say nothing.
func (f files) dockerDataRoot() string {
	text, err := f.tree.Read("/etc/docker/daemon.json", maxFile)
	if err != nil {
		return ""
	}
	var settings struct {
		DataRoot string `json:"data-root"`
		Graph    string `json:"graph"` // its name until docker 23
	}
	if decode(text, &settings) != nil {
		return ""
	}
	if settings.DataRoot == "" {
		settings.DataRoot = settings.Graph
	}
	if !path.IsAbs(settings.DataRoot) || len(settings.DataRoot) > maxText {
		return ""
	}
	return settings.DataRoot
}

var (
	// containerdStates are where containerd keeps its state: as a package, in k3s and
	// RKE2, in k0s, in MicroK8s, and where docker runs one of its own.
	containerdStates = []string{
		"/run/containerd", "/run/k3s/containerd", "/run/k0s/containerd",
		"/var/snap/microk8s/common/run/containerd", "/run/docker/containerd/daemon",
	}
	// containerdNamespaces are the namespaces of its clients: the kubelet, ctr and
	// nerdctl, docker.
	containerdNamespaces = []string{criNamespace, "default", "moby"}
)

const (
	criNamespace = "k8s.io"
	// tasks is where containerd has the bundles, by namespace and id.
	tasks = "io.containerd.runtime.v2.task"
)

// containerd reads the bundle that containerd writes for the runtime.
func (f files) containerd(out *event.Container) error {
	namespaces := containerdNamespaces
	if out.Question.Namespace != "" {
		namespaces = []string{out.Question.Namespace}
	}
	var dirs []string
	if dir, ok := bundleDir(out.Question); ok {
		dirs = append(dirs, dir)
	}
	for _, state := range containerdStates {
		for _, ns := range namespaces {
			dirs = append(dirs, path.Join(state, tasks, ns, out.Question.ID))
		}
	}
	_, err := f.first(dirs, "config.json", func(dir string, text []byte) error {
		by := byClient
		if path.Base(path.Dir(dir)) == criNamespace {
			by = byContainerd
		}
		return parseBundle(text, by, out)
	})
	return err
}

// storages are where podman and CRI-O keep their containers, by the driver that stores
// their layers. The second has what does not outlive the machine's run.
var storages = []string{"/var/lib/containers/storage", "/run/containers/storage"}

var storageDrivers = []string{"overlay-containers", "vfs-containers", "btrfs-containers", "zfs-containers"}

// storage reads what containers/storage keeps of a container, which podman and CRI-O
// write when they create it, and the bundle, which they write before it runs.
func (f files) storage(out *event.Container) error {
	var bases []string
	if dir, ok := bundleDir(out.Question); ok {
		bases = append(bases, path.Dir(path.Dir(dir))) // it is BASE/ID/userdata
	}
	for _, driver := range storageDrivers {
		for _, storage := range storages {
			bases = append(bases, path.Join(storage, driver))
		}
	}
	var dirs []string
	for _, base := range bases {
		dirs = append(dirs, path.Join(base, out.Question.ID, "userdata"))
	}
	_, err := f.first(dirs, "config.json", func(_ string, text []byte) error { return parseBundle(text, byStorage, out) })
	if out.Question.Runtime != cgroup.RuntimeCRIO && out.Sandbox == "" && f.stored(bases, out) {
		return nil // podman may write the bundle later
	}
	return err
}

// stored looks for a container of podman's in the lists of all containers. Those that
// are removed when they end are in a list of their own.
func (f files) stored(bases []string, out *event.Container) bool {
	for _, base := range bases {
		for _, name := range []string{"containers.json", "volatile-containers.json"} {
			text, err := f.tree.Read(path.Join(base, name), maxStorage)
			if err != nil {
				continue
			}
			if found, err := parseStorage(text, out); found && err == nil {
				return true
			}
		}
	}
	return false
}

// bundleDir is the directory of the bundle that a question names. A command line names
// it, and of that only what can be such a directory is believed: it has the id in it,
// and is not within the files of a container, where that container's root writes.
func bundleDir(q event.ContainerQuestion) (string, bool) {
	dir := q.Bundle
	if !path.IsAbs(dir) || len(dir) > maxText || path.Clean(dir) != dir {
		return "", false
	}
	parts := strings.Split(dir, "/")
	inside := slices.ContainsFunc(parts, func(part string) bool {
		return part == "rootfs" || part == "merged" || part == "diff" || part == "fs" || part == "root"
	})
	return dir, !inside && slices.Contains(parts, q.ID)
}

// first reads a file in the first of the directories that has it, and returns that
// directory. If none has, its error is a notYetError where one of the directories that
// should have it is there.
func (f files) first(dirs []string, name string, parse func(dir string, text []byte) error) (string, error) {
	var missing error
	for _, dir := range dirs {
		text, err := f.tree.Read(path.Join(dir, name), maxFile)
		if err == nil {
			err = parse(dir, text)
		}
		switch {
		case err == nil:
			return dir, nil
		case errors.Is(err, errMalformed):
			return "", &notYetError{fmt.Errorf("read %s: %w", path.Join(dir, name), err)}
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		case missing == nil:
			missing = err
		}
	}
	if slices.ContainsFunc(dirs, f.expected) {
		return "", &notYetError{missing}
	}
	return "", missing
}

// expected reports whether the runtime keeps its containers where that directory would
// be. The directory above may come with the first container: containerd has one for each
// namespace.
func (f files) expected(dir string) bool {
	dir = strings.TrimSuffix(dir, "/userdata")
	return f.tree.HasDir(path.Dir(path.Dir(dir)))
}
