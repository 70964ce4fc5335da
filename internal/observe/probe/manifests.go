package probe

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/rootfile"
)

const (
	// maxKubelets bounds the processes of which it is remembered where their manifests
	// are, maxLookups the files that are being read.
	maxKubelets, maxLookups = 16, 4
	// manifestsWait is how long to wait for the files of one kubelet. They may lie on
	// a server that does not answer.
	manifestsWait = 500 * time.Millisecond
	// maxKubeletArgs and maxKubeletConfig bound what is read of a kubelet.
	maxKubeletArgs, maxKubeletConfig = 64 << 10, 256 << 10
)

// manifests tells from which directory a kubelet has its static pods. A request for a
// sandbox says only that the pod is from a file.
type manifests struct {
	known   *recent[event.ProcessID, *manifestDir]
	lookups chan struct{}
	// lookUp reads what a process says of it; tests have their own.
	lookUp func(pid uint32) (string, error)
}

// manifestDir is what is found out about one process.
type manifestDir struct {
	done chan struct{}
	// dir may be read once done is closed.
	dir string
	// late is set if it took too long once. Then nobody waits again.
	late bool
}

// kubelet is the name of the kubelet's executable.
const kubelet = "kubelet"

// prepare begins to look for a directory before anybody asks for it, if the program may
// be a kubelet's: on a busy machine that takes longer than the stream can be held up.
func (m *manifests) prepare(p *event.Program) {
	if filepath.Base(p.Exe) == kubelet {
		m.lookedUp(p.ID.Process)
	}
}

// lookedUp is what is found out, or will be, about a process.
func (m *manifests) lookedUp(id event.ProcessID) *manifestDir {
	if m.known == nil {
		m.known = newRecent[event.ProcessID, *manifestDir](maxKubelets)
		m.lookups = make(chan struct{}, maxLookups)
	}
	d, ok := m.known.get(id)
	if !ok {
		d = &manifestDir{done: make(chan struct{})}
		m.known.put(id, d)
		m.begin(d, id.PID)
	}
	return d
}

// of returns the directory, empty where it is not known, or not yet.
func (m *manifests) of(id event.ProcessID) string {
	d := m.lookedUp(id)
	if d.late {
		select {
		case <-d.done:
			return d.dir
		default:
			return ""
		}
	}
	timer := time.NewTimer(manifestsWait)
	defer timer.Stop()
	select {
	case <-d.done:
		return d.dir
	case <-timer.C:
		d.late = true
		return ""
	}
}

// begin looks one up, unless too many lookups are stuck.
func (m *manifests) begin(d *manifestDir, pid uint32) {
	select {
	case m.lookups <- struct{}{}:
	default:
		close(d.done)
		return
	}
	lookUp := m.lookUp
	if lookUp == nil {
		lookUp = manifestsOf
	}
	go func() {
		if dir, err := lookUp(pid); err == nil {
			d.dir = dir
		}
		close(d.done)
		<-m.lookups
	}()
}

// manifestsOf returns the directory by a kubelet's command line, or else by its
// configuration as the kubelet itself sees that.
func manifestsOf(pid uint32) (string, error) {
	exe, err := executable(pid)
	if err != nil {
		return "", err
	}
	if base := filepath.Base(exe); base != kubelet {
		return "", fmt.Errorf("%s is no kubelet", base)
	}
	if err := isRoots(procPath(pid, ".")); err != nil {
		return "", err
	}
	args, err := arguments(pid)
	if err != nil {
		return "", err
	}
	return manifestsIn(args, rootfile.At(procPath(pid, "root/."), 0))
}

// manifestsIn is manifestsOf for those arguments. An option has precedence over the
// configuration (k8s.io/kubernetes, cmd/kubelet/app, kubeletConfigFlagPrecedence).
func manifestsIn(args []string, files *rootfile.Tree) (string, error) {
	if dir := optionOf(args, "--pod-manifest-path"); dir != "" {
		return absolute(dir)
	}
	text, err := files.Read(optionOf(args, "--config"), maxKubeletConfig)
	if err != nil {
		return "", err
	}
	// JSON is YAML, too. Nothing else of the file is looked at.
	var config struct {
		StaticPodPath string `yaml:"staticPodPath"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return "", fmt.Errorf("the kubelet's configuration: %w", err)
	}
	return absolute(config.StaticPodPath)
}

func absolute(dir string) (string, error) {
	if !filepath.IsAbs(dir) || len(dir) >= syscall.PathMax {
		return "", fmt.Errorf("%q is no absolute path", dir)
	}
	return filepath.Clean(dir), nil
}

// optionOf is the last value of an option, empty if it is not there.
func optionOf(args []string, name string) string {
	var value string
	for i, arg := range args {
		if v, ok := strings.CutPrefix(arg, name+"="); ok {
			value = v
		} else if arg == name && i+1 < len(args) {
			value = args[i+1]
		}
	}
	return value
}

// isRoots returns an error unless root owns what is there.
func isRoots(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 {
		return fmt.Errorf("%s is not root's", name)
	}
	return nil
}

// arguments returns the command line of a process.
func arguments(pid uint32) ([]string, error) {
	f, err := os.Open(procPath(pid, "cmdline"))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKubeletArgs))
	_ = f.Close() // it was only read
	if err != nil {
		return nil, err
	}
	var args []string
	for arg := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte{0}), []byte{0}) {
		args = append(args, string(arg))
	}
	return args, nil
}
