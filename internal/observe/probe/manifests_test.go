package probe

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/rootfile"
)

func TestManifestsIn(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"kubeadm.yaml": "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nstaticPodPath: /etc/kubernetes/manifests\n",
		"config.json":  `{"kind": "KubeletConfiguration", "staticPodPath": "/srv/pods/"}`,
		"none.yaml":    "kind: KubeletConfiguration\n",
		"relative":     "staticPodPath: manifests\n",
		"nested":       "other:\n  staticPodPath: /wrong\n",
		"broken":       "staticPodPath: [",
		"large":        "staticPodPath: /etc\n#" + strings.Repeat("x", maxKubeletConfig),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	tree := rootfile.At(dir, uint32(os.Getuid()))
	for args, want := range map[string]string{
		"kubelet --config=/kubeadm.yaml":                                    "/etc/kubernetes/manifests",
		"kubelet --v 2 --config /config.json --node-ip=1.2.3.4":             "/srv/pods",
		"kubelet --config=/none.yaml --config=/kubeadm.yaml":                "/etc/kubernetes/manifests",
		"kubelet --config=/kubeadm.yaml --pod-manifest-path=/etc/manifests": "/etc/manifests",
		"kubelet --pod-manifest-path manifests":                             "",
		"kubelet --config=/none.yaml":                                       "",
		"kubelet --config=/relative":                                        "",
		"kubelet --config=/nested":                                          "",
		"kubelet --config=/broken":                                          "",
		"kubelet --config=/large":                                           "",
		"kubelet --config=/gone":                                            "",
		"kubelet --config":                                                  "",
		"kubelet":                                                           "",
	} {
		got, err := manifestsIn(strings.Fields(args), tree)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", args, got, err)
		}
	}
	if _, err := manifestsOf(uint32(os.Getpid())); err == nil {
		t.Error("a test is no kubelet")
	}
	if _, err := manifestsIn([]string{"kubelet", "--config=/gone"}, tree); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A file that cannot be read holds the stream up once, and what is found out later
// counts. What is stuck is bounded.
func TestManifestsThatTakeLong(t *testing.T) {
	release := make(chan struct{})
	m := manifests{lookUp: func(pid uint32) (string, error) {
		if pid == 1 {
			return "/etc/kubernetes/manifests", nil
		}
		<-release
		return "/late", nil
	}}
	process := func(pid uint32) event.ProcessID { return event.ProcessID{PID: pid, StartNS: 1} }
	for range 2 {
		if got := m.of(process(1)); got != "/etc/kubernetes/manifests" {
			t.Errorf("%q", got)
		}
	}
	for range 3 {
		if got := m.of(process(2)); got != "" {
			t.Errorf("%q", got)
		}
	}
	second, _ := m.known.get(process(2))
	if !second.late {
		t.Error("it waits each time")
	}
	for pid := range uint32(2 * maxLookups) {
		m.of(process(10 + pid))
	}
	if len(m.lookups) != maxLookups {
		t.Errorf("%d lookups are under way", len(m.lookups))
	}
	close(release)
	<-second.done
	if got := m.of(process(2)); got != "/late" {
		t.Errorf("%q", got)
	}
}

// A kubelet that is older than nsblame is looked at before it asks for anything.
func TestManifestsArePrepared(t *testing.T) {
	looked := make(chan uint32, 1)
	m := manifests{lookUp: func(pid uint32) (string, error) {
		looked <- pid
		return "/etc/kubernetes/manifests", nil
	}}
	m.prepare(&event.Program{ID: event.ProgramID{Process: event.ProcessID{PID: 1, StartNS: 1}}, Exe: "/usr/bin/kubectl"})
	id := event.ProcessID{PID: 2, StartNS: 1}
	m.prepare(&event.Program{ID: event.ProgramID{Process: id}, Exe: "/usr/bin/kubelet"})
	if pid := <-looked; pid != 2 {
		t.Errorf("process %d was looked at", pid)
	}
	<-m.lookedUp(id).done
	if got := m.of(id); got != "/etc/kubernetes/manifests" || len(looked) != 0 {
		t.Errorf("%q, looked at again: %v", got, len(looked) != 0)
	}
}
