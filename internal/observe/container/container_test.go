package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/observe/rootfile"
)

const (
	id      = "3f2a5b6c7d8e9f00112233445566778899aabbccddeeff001122334455667788"
	sandbox = "aaaa5b6c7d8e9f00112233445566778899aabbccddeeff00112233445566aaaa"
)

// The files as their runtimes write them, of what is read and some of the rest.
const (
	dockerText = `{"StreamConfig":{},"State":{"Running":false,"Pid":0},"ID":"` + id + `","Created":"2026-11-29T18:00:00Z","Path":"sleep",
		"Config":{"Hostname":"3f2a5b6c7d8e","Env":["PASSWORD=hunter2"],"Cmd":["sleep"],"Image":"shop/web:1","Labels":{
		"com.docker.compose.project":"shop","com.docker.compose.service":"web"}},"Name":"/shop-web-1","Driver":"overlay2"}`
	dockerHostText = `{"Binds":null,"NetworkMode":"default","RestartPolicy":{"Name":"always","MaximumRetryCount":0}}`
	sandboxText    = `{"ociVersion":"1.1.0","process":{"env":["PASSWORD=hunter2"]},"annotations":{
		"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-id":"` + sandbox + `","io.kubernetes.cri.sandbox-name":"web-node1",
		"io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.sandbox-uid":"u-1"},
		"linux":{"namespaces":[{"type":"pid"},{"type":"network","path":"/var/run/netns/cni-1"}]}}`
	containerText = `{"annotations":{"io.kubernetes.cri.container-name":"app","io.kubernetes.cri.container-type":"container",
		"io.kubernetes.cri.image-name":"shop/app:2","io.kubernetes.cri.sandbox-id":"` + sandbox + `","io.kubernetes.cri.sandbox-name":"web-node1",
		"io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.sandbox-uid":"u-1"}}`
	crioText = `{"annotations":{"io.container.manager":"cri-o","io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.cri-o.ImageName":"shop/app:2",
		"io.kubernetes.cri-o.SandboxID":"` + sandbox + `","io.kubernetes.pod.name":"forged","io.kubernetes.cri-o.Labels":
		"{\"io.kubernetes.container.name\":\"app\",\"io.kubernetes.pod.name\":\"web-node1\",\"io.kubernetes.pod.namespace\":\"shop\",\"io.kubernetes.pod.uid\":\"u-1\"}"}}`
	podmanText  = `{"annotations":{"io.container.manager":"libpod","io.kubernetes.pod.name":"forged"},"linux":{"namespaces":[{"type":"network"}]}}`
	storageText = `[{"id":"other","names":["x"]},{"id":"` + id + `","names":["pd"],"image":"0123","layer":"4567",
		"metadata":"{\"image-name\":\"localhost/pause:latest\",\"image-id\":\"0123\",\"name\":\"pd\",\"created-at\":1}"}]`
)

const (
	dockerDir     = "/var/lib/docker/containers/" + id
	criDir        = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/"
	overlay       = "/var/lib/containers/storage/overlay-containers"
	podmanUserDir = overlay + "/" + id + "/userdata"
)

// put writes files below a root, and returns that as a tree.
func put(t *testing.T, texts map[string]string) (tree, string) {
	t.Helper()
	root := t.TempDir()
	for name, text := range texts {
		write(t, filepath.Join(root, name), text)
	}
	return rootfile.At(root, uint32(os.Getuid())), root
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// fixture is a root directory that a test prepares.
type fixture struct {
	*testing.T
	root string
}

func (f fixture) write(name, text string) {
	f.Helper()
	write(f.T, f.root+name, text)
}

func (f fixture) chmod(name string, mode fs.FileMode) {
	f.Helper()
	chmod(f.T, f.root+name, mode)
}

func question(runtime, id string) event.ContainerQuestion {
	return event.ContainerQuestion{Runtime: runtime, ID: id}
}

func TestLook(t *testing.T) {
	compose := event.Container{
		Name: "shop-web-1", Image: "shop/web:1", RestartPolicy: "always", ComposeProject: "shop", ComposeService: "web",
	}
	pod := event.Container{PodNamespace: "shop", PodName: "web-node1", PodUID: "u-1", Sandbox: sandbox}
	ofPod := pod
	ofPod.Name, ofPod.Image = "app", "shop/app:2"
	sandboxOf := pod
	sandboxOf.NetnsPath = "/var/run/netns/cni-1"
	for name, c := range map[string]struct {
		files map[string]string
		q     event.ContainerQuestion
		want  event.Container
	}{
		"docker": {
			map[string]string{dockerDir + "/config.v2.json": dockerText, dockerDir + "/hostconfig.json": dockerHostText},
			question(cgroup.RuntimeDocker, id), compose,
		},
		"docker elsewhere": {
			map[string]string{
				"/etc/docker/daemon.json":                            `{"data-root":"/data/docker"}`,
				"/data/docker/containers/" + id + "/config.v2.json":  dockerText,
				"/data/docker/containers/" + id + "/hostconfig.json": dockerHostText,
			},
			question(cgroup.RuntimeDocker, id), compose,
		},
		"docker without a policy": {
			map[string]string{dockerDir + "/config.v2.json": `{"ID":"` + id + `","Name":"/x"}`, dockerDir + "/hostconfig.json": `{"RestartPolicy":{"Name":""}}`},
			question(cgroup.RuntimeDocker, id),
			event.Container{Name: "x", RestartPolicy: "no"},
		},
		"docker with labels like a pod's": {
			map[string]string{dockerDir + "/config.v2.json": `{"ID":"` + id + `","Name":"/x","Config":{"Labels":{"io.kubernetes.pod.name":"forged"}}}`},
			question(cgroup.RuntimeDocker, id),
			event.Container{Name: "x"},
		},
		"cri-dockerd": {
			map[string]string{dockerDir + "/config.v2.json": `{"ID":"` + id + `","Name":"/k8s_POD_web_shop_u_0","Config":{"Labels":{
				"io.kubernetes.pod.name":"web","io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"u","io.kubernetes.docker.type":"podsandbox"}}}`},
			question(cgroup.RuntimeDocker, id),
			event.Container{Name: "k8s_POD_web_shop_u_0", PodName: "web", PodNamespace: "shop", PodUID: "u", Sandbox: id},
		},
		"sandbox": {
			map[string]string{criDir + sandbox + "/config.json": sandboxText},
			question(cgroup.RuntimeContainerd, sandbox), sandboxOf,
		},
		"container of a pod": {
			map[string]string{criDir + id + "/config.json": containerText},
			question(cgroup.RuntimeContainerd, id), ofPod,
		},
		"k3s, runtime not known": {
			map[string]string{"/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/" + id + "/config.json": containerText},
			question(cgroup.RuntimeKubernetes, id), ofPod,
		},
		"another client of containerd claims a pod": {
			map[string]string{"/run/containerd/io.containerd.runtime.v2.task/default/web1/config.json": sandboxText},
			event.ContainerQuestion{Runtime: cgroup.RuntimeContainerd, Namespace: "default", ID: "web1"},
			event.Container{NetnsPath: "/var/run/netns/cni-1"},
		},
		"CRI-O": {
			map[string]string{overlay + "/" + id + "/userdata/config.json": crioText},
			question(cgroup.RuntimeCRIO, id), ofPod,
		},
		"podman": {
			map[string]string{podmanUserDir + "/config.json": podmanText, overlay + "/containers.json": storageText},
			question(cgroup.RuntimePodman, id),
			event.Container{Name: "pd", Image: "localhost/pause:latest"},
		},
		"podman before the bundle, removed at its end": {
			map[string]string{"/run/containers/storage/overlay-containers/volatile-containers.json": storageText},
			question(cgroup.RuntimePodman, id),
			event.Container{Name: "pd", Image: "localhost/pause:latest"},
		},
		"podman elsewhere": {
			map[string]string{"/srv/pod/overlay-containers/" + id + "/userdata/config.json": podmanText, "/srv/pod/overlay-containers/containers.json": storageText},
			event.ContainerQuestion{Runtime: cgroup.RuntimePodman, ID: id, Bundle: "/srv/pod/overlay-containers/" + id + "/userdata"},
			event.Container{Name: "pd", Image: "localhost/pause:latest"},
		},
		"a text without end": {
			map[string]string{dockerDir + "/config.v2.json": `{"ID":"` + id + `","Name":"/x","Config":{"Image":"` + strings.Repeat("i", maxText+1) + `"}}`},
			question(cgroup.RuntimeDocker, id),
			event.Container{Name: "x", Cut: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			from, _ := put(t, c.files)
			got, err := files{from}.look(c.q)
			c.want.Question = c.q
			if d := cmp.Diff(&c.want, got); d != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, d)
			}
			if strings.Contains(fmt.Sprintf("%+v", got), "hunter2") {
				t.Errorf("a secret is in %+v", got)
			}
		})
	}
}

// What is not there, not root's, or no file of the runtime's is no answer, and says why.
// notYet is set where it may be there in a moment.
func TestNoAnswer(t *testing.T) {
	docker := question(cgroup.RuntimeDocker, id)
	config := dockerDir + "/config.v2.json"
	for name, c := range map[string]struct {
		do     func(f fixture)
		q      event.ContainerQuestion
		want   error
		notYet bool
	}{
		"no docker":        {nil, docker, fs.ErrNotExist, false},
		"no such":          {func(f fixture) { f.write("/var/lib/docker/containers/x/y", "") }, docker, fs.ErrNotExist, true},
		"half":             {func(f fixture) { f.write(config, dockerText[:200]) }, docker, errMalformed, true},
		"empty":            {func(f fixture) { f.write(config, "") }, docker, errMalformed, true},
		"deep":             {func(f fixture) { f.write(config, strings.Repeat("[", 1<<19)) }, docker, errMalformed, true},
		"other types":      {func(f fixture) { f.write(config, `{"ID":"`+id+`","Config":[]}`) }, docker, errMalformed, true},
		"another's":        {func(f fixture) { f.write(config, `{"ID":"x"}`) }, docker, errMalformed, true},
		"huge":             {func(f fixture) { f.write(config, strings.Repeat(" ", maxFile+1)) }, docker, rootfile.ErrTooLarge, false},
		"others may write": {func(f fixture) { f.write(config, dockerText); f.chmod(config, 0o622) }, docker, rootfile.ErrWritable, false},
		"others may write above": {func(f fixture) {
			f.write(config, dockerText)
			f.chmod("/var/lib/docker/containers", 0o777)
		}, docker, rootfile.ErrWritable, false},
		"pipe": {func(f fixture) {
			f.write(dockerDir+"/x", "")
			if err := unix.Mkfifo(f.root+config, 0o600); err != nil {
				f.Fatal(err)
			}
		}, docker, rootfile.ErrNotRegular, false},
		"first sandbox": {func(f fixture) {
			f.write("/run/containerd/io.containerd.runtime.v2.task/moby/x/y", "")
		}, event.ContainerQuestion{Runtime: cgroup.RuntimeContainerd, Namespace: "k8s.io", ID: sandbox}, fs.ErrNotExist, true},
		"no id":                {nil, question(cgroup.RuntimeDocker, "../../../etc"), errID, false},
		"no namespace":         {nil, event.ContainerQuestion{Runtime: cgroup.RuntimeContainerd, Namespace: "..", ID: id}, errID, false},
		"no files":             {nil, question(cgroup.RuntimeNspawn, "web"), errKind, false},
		"CRI-O before its pod": {func(f fixture) { f.write(overlay+"/containers.json", storageText) }, question(cgroup.RuntimeCRIO, id), fs.ErrNotExist, true},
		"bundle within a container": {func(f fixture) {
			f.write("/run/x/rootfs/k8s.io/"+id+"/config.json", containerText)
		}, event.ContainerQuestion{Runtime: cgroup.RuntimeContainerd, ID: id, Bundle: "/run/x/rootfs/k8s.io/" + id}, fs.ErrNotExist, false},
	} {
		t.Run(name, func(t *testing.T) {
			from, root := put(t, nil)
			if c.do != nil {
				c.do(fixture{t, root})
			}
			got, err := files{from}.look(c.q)
			if got != nil || !errors.Is(err, c.want) || isNotYet(err) != c.notYet {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func chmod(t *testing.T, name string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

// A list of all containers may be cut, or be none: that costs its names only.
func TestDamagedStorage(t *testing.T) {
	for _, text := range []string{"", "{}", "null", storageText[:80], `[{"id":7}]`, `[` + strings.Repeat("[", 1<<20)} {
		out := event.Container{Question: question(cgroup.RuntimePodman, id)}
		if found, err := parseStorage([]byte(text), &out); found || !errors.Is(err, errMalformed) {
			t.Errorf("%.20q: %v, %v", text, found, err)
		}
	}
	many := "[" + strings.Repeat(`{"id":"x","names":["y"]},`, 10_000) + storageText[1:]
	out := event.Container{Question: question(cgroup.RuntimePodman, id)}
	if found, err := parseStorage([]byte(many), &out); !found || err != nil || out.Name != "pd" {
		t.Errorf("%v, %v, %+v", found, err, out)
	}
}

// answers collects what an Answerer gives.
type answers struct {
	mu   sync.Mutex
	list []*event.Container
}

func (a *answers) give(c *event.Container) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, c)
}

func (a *answers) all() []*event.Container {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.list)
}

// slow is a tree whose reads wait until it is released.
type slow struct {
	release chan struct{}
	reads   chan string
}

func (s *slow) Read(name string, _ int) ([]byte, error) {
	s.reads <- name
	<-s.release
	return nil, fs.ErrPermission
}

func (s *slow) HasDir(string) bool { return true }

// Each question has one answer, also beyond the bound, and also where files hang.
func TestEachQuestionIsAnswered(t *testing.T) {
	s := &slow{release: make(chan struct{}), reads: make(chan string, 1<<12)}
	var got answers
	a := newAnswerer(got.give, s)
	const asked = maxOpen + 10
	for i := range asked {
		a.Ask(question(cgroup.RuntimeDocker, fmt.Sprint("c", i)))
	}
	if n := len(got.all()); n != asked-maxOpen {
		t.Errorf("%d were answered at once", n)
	}
	for range maxReads { // all places are taken
		<-s.reads
	}
	if n := len(s.reads); n > 0 {
		t.Errorf("%d reads too many at once", n)
	}
	a.Close() // does not wait for the reads
	close(s.release)
	seen := make(map[string]bool)
	for _, c := range got.all() {
		if c.Why == "" || seen[c.Question.ID] {
			t.Errorf("%+v", c)
		}
		seen[c.Question.ID] = true
	}
	if len(seen) != asked {
		t.Errorf("%d of %d questions are answered", len(seen), asked)
	}
}

// after is a tree in which files appear once they were looked for a number of times.
type after struct {
	fstest.MapFS
	mu   sync.Mutex
	left int
}

func (f *after) Read(name string, _ int) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left > 0 {
		return nil, fs.ErrNotExist
	}
	return fs.ReadFile(f.MapFS, strings.TrimPrefix(name, "/"))
}

func (f *after) HasDir(name string) bool {
	info, err := fs.Stat(f.MapFS, strings.TrimPrefix(name, "/"))
	return err == nil && info.IsDir()
}

// A look answers each question once, in order, and waits for nothing.
func TestLookAtMany(t *testing.T) {
	from, _ := put(t, map[string]string{dockerDir + "/config.v2.json": dockerText})
	var list []event.ContainerQuestion
	for i := range 2*maxOpen + 7 {
		list = append(list, question(cgroup.RuntimeDocker, fmt.Sprint("c", i)))
	}
	list = append(list, question(cgroup.RuntimeDocker, id))
	got := look(t.Context(), list, from)
	for i, c := range got {
		if c == nil || c.Question != list[i] || (c.Why == "") != (i == len(list)-1) {
			t.Fatalf("%d: %+v", i, c)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hangs := &slow{release: make(chan struct{}), reads: make(chan string, 1<<12)}
	defer close(hangs.release)
	for i, c := range look(ctx, list, hangs) {
		if c == nil || c.Question != list[i] || c.Why != errTime.Error() {
			t.Fatalf("%d: %+v", i, c)
		}
	}
}

// A bundle that is written after the question is waited for.
func TestWaitsForTheBundle(t *testing.T) {
	from := &after{left: 40, MapFS: fstest.MapFS{strings.TrimPrefix(criDir, "/") + sandbox + "/config.json": {Data: []byte(sandboxText)}}}
	var got answers
	a := newAnswerer(got.give, from)
	q := event.ContainerQuestion{Runtime: cgroup.RuntimeContainerd, Namespace: "k8s.io", ID: sandbox}
	a.Ask(q)
	a.Wait(time.Minute)
	if list := got.all(); len(list) != 1 || list[0].PodName != "web-node1" || list[0].Question != q {
		t.Errorf("%+v", list)
	}
}

// The end of a trace does not wait for what is not there.
func TestWaitEnds(t *testing.T) {
	from := &after{left: 1 << 30, MapFS: fstest.MapFS{strings.TrimPrefix(criDir, "/") + "x": {}}}
	var got answers
	a := newAnswerer(got.give, from)
	a.Ask(question(cgroup.RuntimeContainerd, sandbox))
	a.Wait(0)
	if list := got.all(); len(list) != 1 || list[0].Why != errEnded.Error() {
		t.Errorf("%+v", list)
	}
}

// The fast path: a file that is there is read without a pause.
func BenchmarkDocker(b *testing.B) {
	root := b.TempDir()
	dir := filepath.Join(root, dockerDir)
	if err := errors.Join(
		os.MkdirAll(dir, 0o755), os.WriteFile(dir+"/config.v2.json", []byte(dockerText), 0o600), os.WriteFile(dir+"/hostconfig.json", []byte(dockerHostText), 0o600),
	); err != nil {
		b.Fatal(err)
	}
	f := files{rootfile.At(root, uint32(os.Getuid()))}
	for b.Loop() {
		if _, err := f.look(question(cgroup.RuntimeDocker, id)); err != nil {
			b.Fatal(err)
		}
	}
}

// one is a tree that has the same text in every file.
type one []byte

func (o one) Read(string, int) ([]byte, error) { return o, nil }
func (o one) HasDir(string) bool               { return true }

// FuzzLook: whatever the files of a runtime hold, and whatever a question is, there is an
// answer or a reason, and no text of it is too long.
func FuzzLook(f *testing.F) {
	for _, text := range []string{dockerText, dockerHostText, sandboxText, containerText, crioText, podmanText, storageText, "null", "[]", `{"annotations":null}`} {
		for _, runtime := range []string{cgroup.RuntimeDocker, cgroup.RuntimeContainerd, cgroup.RuntimePodman, cgroup.RuntimeCRIO, cgroup.RuntimeKubernetes} {
			f.Add(runtime, "", id, "", []byte(text))
		}
	}
	f.Add(cgroup.RuntimeContainerd, "k8s.io", id, "/run/x/k8s.io/"+id, []byte(sandboxText))
	f.Add(cgroup.RuntimePodman, "", id, podmanUserDir, []byte(storageText))
	f.Fuzz(func(t *testing.T, runtime, namespace, id, bundle string, text []byte) {
		q := event.ContainerQuestion{Runtime: runtime, Namespace: namespace, ID: id, Bundle: bundle}
		got, err := files{one(text)}.look(q)
		if (got == nil) == (err == nil) {
			t.Fatalf("%+v, %v", got, err)
		}
		if err != nil {
			if unanswered(q, err).Why == "" {
				t.Fatal("no reason")
			}
			return
		}
		if got.Question != q || strings.ContainsAny(id, "/\x00") {
			t.Fatalf("%+v of %+v", got, q)
		}
		for _, text := range []string{got.Name, got.Image, got.PodName, got.PodNamespace, got.NetnsPath, got.Sandbox, got.RestartPolicy} {
			if len(text) > maxText {
				t.Fatalf("%d bytes", len(text))
			}
		}
	})
}
