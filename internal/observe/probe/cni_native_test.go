package probe

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// asPlugin is set in the environment of the test that is a plugin.
const asPlugin = "NSBLAME_TEST_PLUGIN"

// A program of root's that moves into a namespace is a CNI plugin by its environment, of
// which nothing else leaves the kernel. It is looked at once.
func TestPluginIsKnownByItsEnvironment(t *testing.T) {
	if os.Getenv(asPlugin) != "" {
		joinAsPlugin(t)
		return
	}
	const longName = "CNI_ARGS=K8S_POD_NAME=not-this" // within the value of another variable
	for _, tc := range []struct {
		name string
		env  []string
		want *event.CNI
	}{
		{"no plugin", []string{"SECRET=1", "CNI_OTHER=2", "XCNI_COMMAND=ADD"}, nil},
		{
			"a pod",
			[]string{
				"SECRET=1", "CNI_ARGS=IgnoreUnknown=1;K8S_POD_UID=u;K8S_POD_NAME=web;K8S_POD_NAMESPACE=shop;K8S_POD_INFRA_CONTAINER_ID=7d",
				"CNI_IFNAME=eth0", "CNI_NETNS=/run/netns/cni-1", "EMPTY=", "CNI_COMMAND=ADD", "CNI_CONTAINERID=7d", "LAST=1",
			},
			&event.CNI{
				Command: "ADD", ContainerID: "7d", Netns: "/run/netns/cni-1",
				PodNamespace: "shop", PodName: "web", PodUID: "u", Sandbox: "7d",
			},
		},
		{
			"a long variable of another's",
			[]string{"LONG=" + strings.Repeat("x", 703-len("LONG=")) + longName, "CNI_COMMAND=DEL", "CNI_CONTAINERID=7d"},
			&event.CNI{Command: "DEL", ContainerID: "7d"},
		},
		{"a value that is too long", []string{"CNI_CONTAINERID=" + strings.Repeat("7", 200)}, &event.CNI{ContainerID: strings.Repeat("7", 127), Cut: true}},
		{"too many variables", append([]string{"CNI_COMMAND=ADD"}, many(200)...), &event.CNI{Command: "ADD", Cut: true}},
		{"too many variables before", append(many(200), "CNI_COMMAND=ADD"), &event.CNI{Cut: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			plugin := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPluginIsKnownByItsEnvironment$", "-test.v")
			plugin.Env = append(tc.env, asPlugin+"=1")
			out, err := plugin.CombinedOutput()
			switch {
			case bytes.Contains(out, []byte("--- SKIP")):
				t.Skipf("%s", out)
			case err != nil:
				t.Fatalf("%v\n%s", err, out)
			}
			want := "reported []"
			if tc.want != nil {
				want = fmt.Sprintf("reported [%+v]", *tc.want)
			}
			if !bytes.Contains(out, []byte(want)) {
				t.Errorf("want %s, got\n%s", want, out)
			}
		})
	}
}

func many(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("V%d=1", i)
	}
	return list
}

// joinAsPlugin lets it seem to the programs that this process moves into a namespace,
// and prints what they reported of it but for the process.
func joinAsPlugin(t *testing.T) {
	t.Helper()
	coll, err := newCollection(choose(Options{}, kernel.HierarchyUnified))
	skipIfRefused(t, err)
	t.Cleanup(func() { _ = coll.Close() })
	types, err := btf.LoadKernelSpec()
	skipIfRefused(t, kernel.Refused("read the kernel's BTF", err))
	const net, serial = uint64(1) << 40, 5
	if err := coll.maps[bpfMapLives].Put(net, bpfLife{Serial: serial}); err != nil {
		t.Fatal(err)
	}
	program, story := coll.runnable(t, bpfProgJoinFexit), coll.readStory(t)
	join := func() { run(t, program, 0, net+uint64(memberAt(t, types, "net", "ns")), 0) }
	join()
	key, ok := coll.living(uint32(os.Getpid()))
	if !ok {
		t.Fatal("this process is not in the table")
	}
	for _, body := range story() { // it is not known to have called exec
		t.Errorf("reported %+v", body)
	}
	var p bpfProcess
	if err := coll.maps[bpfMapProcesses].Lookup(key, &p); err != nil {
		t.Fatal(err)
	}
	p.Execs++
	if err := coll.maps[bpfMapProcesses].Put(key, p); err != nil {
		t.Fatal(err)
	}
	join()
	join()
	var list []event.CNI
	for _, body := range story() {
		switch b := body.(type) {
		case *event.CNI:
			want := event.CNI{Serial: serial, Process: processID(key)}
			if diff := cmp.Diff(want, event.CNI{Serial: b.Serial, Process: b.Process}); diff != "" {
				t.Error(diff)
			}
			b.Serial, b.Process = 0, event.ProcessID{}
			list = append(list, *b)
		case *event.NetnsJoin:
			t.Error("a join is reported, which is not asked for")
		}
	}
	fmt.Printf("reported %+v\n", list)
}
