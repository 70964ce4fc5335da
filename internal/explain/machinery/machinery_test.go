package machinery

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

const hostPIDs = 7

// id is a container's.
var id = strings.Repeat("ab", 32)

// line is what a test writes of a process: its executable, a tab and its arguments. A
// fork without an exec has a * in front, a user's process "1000!", one in a container
// "c!".
func line(list ...string) (*lineage.Process, []lineage.Process) {
	all := make([]lineage.Process, 0, len(list))
	for i, text := range list {
		p := lineage.Process{ID: event.ProcessID{PID: uint32(100 - i), StartNS: 1}, Owner: event.Owner{PIDNamespace: hostPIDs}}
		if rest, ok := strings.CutPrefix(text, "1000!"); ok {
			p.UID, p.Owner.UID, text = 1000, 1000, rest
		}
		if rest, ok := strings.CutPrefix(text, "c!"); ok {
			p.Owner.PIDNamespace, text = hostPIDs+1, rest
		}
		text, p.ArgvInherited = strings.CutPrefix(text, "*")
		exe, args, _ := strings.Cut(text, "\t")
		p.Exe, p.Argv = exe, strings.Fields(args)
		all = append(all, p)
	}
	return &all[0], all[1:]
}

func of(exe, args string) string { return exe + "\t" + args }

var (
	systemd    = of("/usr/lib/systemd/systemd", "/sbin/init")
	bash       = of("/usr/bin/bash", "bash")
	dockerd    = of("/usr/sbin/dockerd", "/usr/sbin/dockerd -H fd://")
	containerd = of("/usr/bin/containerd", "/usr/bin/containerd")
	runcInit   = of("/memfd:runc_cloned:/proc/self/exe", "runc init")
	create     = of("/usr/sbin/runc", "runc --root /var/run/docker/runtime-runc/moby --log /run/log.json --log-format json --systemd-cgroup create --bundle /run/b/"+id+" --pid-file /run/p "+id)
	shim       = of("/usr/bin/containerd-shim-runc-v2", "/usr/bin/containerd-shim-runc-v2 -namespace moby -id "+id+" -address /run/containerd/containerd.sock")
	start      = of("/usr/bin/containerd-shim-runc-v2", "/usr/bin/containerd-shim-runc-v2 -namespace moby -address /run/containerd/containerd.sock -publish-binary /usr/bin/containerd -id "+id+" -debug start")
	conmon     = of("/usr/bin/conmon", "/usr/bin/conmon --api-version 1 -c "+id+" -u "+id+" -r /usr/bin/crun -b /var/lib/containers/userdata -p /run/pidfile -n web")
	crun       = of("/usr/bin/crun", "/usr/bin/crun --log-format=json --log /x create --bundle /var/lib/containers/userdata --pid-file /run/p "+id)
	sealedCrun = of("", "/usr/bin/crun --log-format=json --log /x create --bundle /var/lib/containers/userdata --pid-file /run/p "+id)
	podmanRun  = of("/usr/bin/podman", "podman run --network none alpine")
	startOf    = of("/usr/bin/incusd", "/usr/bin/incusd forkstart web /var/lib/incus/containers /run/x")
	cleanup    = of("/usr/bin/podman", "/usr/bin/podman --log-level error container cleanup --stopped-only "+id)
)

// say is what a test says of a piece of work.
func say(w *Work) string {
	head := "nobody"
	if w.Head != nil {
		head = strings.Join(w.Head.Argv, " ") + fmt.Sprintf(" (pid %d, %d above)", w.Head.ID.PID, len(w.Above))
	}
	var words []string
	for _, word := range []struct {
		is   bool
		text string
	}{{!w.Realm.Machine, "theirs"}, {w.Sandbox, "sandbox"}, {w.Build, "build"}, {w.Cleanup, "cleanup"}} {
		if word.is {
			words = append(words, word.text)
		}
	}
	return strings.Join(append(words, w.Runtime+":"+strings.ReplaceAll(w.ID, id, "ID"), w.Name, w.Namespace, "by", string(w.Engine), "of", head), " ")
}

func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name string
		line []string
		want string // empty if it is no machinery
	}{
		{
			"docker",
			[]string{"*" + runcInit, runcInit, create, shim, start, containerd, systemd},
			"docker:ID  moby by docker of /usr/bin/containerd (pid 95, 1 above)",
		},
		{"docker, whose shim is older than nsblame", []string{"*" + runcInit, runcInit, create, shim, systemd}, "docker:ID  moby by docker of nobody"},
		{
			"a step of a build",
			[]string{"*" + runcInit, runcInit, of("/usr/sbin/runc", "runc --log /l --log-format json run --bundle /b --keep uoegjx2w3pe4zb1gmbrfh5kpe"), dockerd, systemd},
			"build buildkit:uoegjx2w3pe4zb1gmbrfh5kpe   by docker of /usr/sbin/dockerd -H fd:// (pid 97, 1 above)",
		},
		{"a pod's sandbox", []string{containerd, systemd}, "sandbox containerd:   by containerd of /usr/bin/containerd (pid 100, 1 above)"},
		{"a pod's sandbox in a user namespace", []string{"*" + containerd, containerd, systemd}, "sandbox containerd:   by containerd of /usr/bin/containerd (pid 99, 1 above)"},
		{"a pod's sandbox of k3s", []string{of("/var/lib/rancher/k3s/data/current/bin/k3s", "containerd -c /x"), systemd}, "sandbox containerd:   by containerd of containerd -c /x (pid 100, 1 above)"},
		{
			"a pod's sandbox of CRI-O",
			[]string{of("/usr/libexec/crio/pinns", "pinns -d /run -f x -n"), of("/usr/bin/crio", "crio"), systemd},
			"sandbox cri-o:   by cri-o of crio (pid 99, 1 above)",
		},
		{"podman", []string{crun, "*" + conmon, conmon, podmanRun, bash, systemd}, "podman:ID web  by podman of podman run --network none alpine (pid 97, 2 above)"},
		{"crun without a path", []string{sealedCrun, "*" + conmon, conmon, podmanRun, bash, systemd}, "podman:ID web  by podman of podman run --network none alpine (pid 97, 2 above)"},
		{"podman with a bridge", []string{podmanRun, bash, systemd}, "podman:   by podman of podman run --network none alpine (pid 100, 2 above)"},
		{"podman restarts", []string{crun, "*" + conmon, conmon, cleanup, "*" + conmon, conmon, podmanRun}, "cleanup podman:ID web  by podman of /usr/bin/podman --log-level error container cleanup --stopped-only ID (pid 97, 3 above)"},
		{
			"rootless podman",
			[]string{"1000!" + crun, "1000!*" + conmon, "1000!" + conmon, "1000!" + podmanRun, "1000!" + podmanRun, "1000!" + bash, systemd},
			"theirs podman:ID web  by podman of podman run --network none alpine (pid 96, 2 above)",
		},
		{"podman's service", []string{crun, "*" + conmon, conmon, of("/usr/bin/podman", "podman system service --time=0"), systemd}, "podman:ID web  by podman of podman system service --time=0 (pid 97, 1 above)"},
		{"LXC", []string{"*" + of("/usr/bin/lxc-start", "lxc-start -n web -F"), of("/usr/bin/lxc-start", "lxc-start -n web -F"), systemd}, "lxc:web   by  of lxc-start -n web -F (pid 99, 1 above)"},
		{"nspawn", []string{"*" + of("/usr/bin/systemd-nspawn", "systemd-nspawn --machine=web -D /srv"), of("/usr/bin/systemd-nspawn", "systemd-nspawn --machine=web -D /srv"), bash}, "systemd-nspawn:web   by  of systemd-nspawn --machine=web -D /srv (pid 99, 1 above)"},
		{
			"incus",
			[]string{startOf, of("/usr/bin/incusd", "incusd --group incus-admin"), systemd},
			"lxc:web   by incus of incusd --group incus-admin (pid 99, 1 above)",
		},
		{
			"incus, whose child is in the pid namespace of the container",
			[]string{"c!*" + startOf, "*" + startOf, "*" + startOf, startOf, of("/usr/bin/incusd", "incusd --group incus-admin"), systemd},
			"lxc:web   by incus of incusd --group incus-admin (pid 96, 1 above)",
		},
		{
			"incus in a container",
			[]string{"c!*" + startOf, "c!" + startOf, "c!" + of("/usr/bin/incusd", "incusd --group incus-admin"), systemd},
			"theirs lxc:web   by incus of incusd --group incus-admin (pid 98, 1 above)",
		},
		{
			"LXC, whose child is in the pid namespace of the container",
			[]string{"c!*" + of("/usr/bin/lxc-start", "lxc-start -n web -F"), of("/usr/bin/lxc-start", "lxc-start -n web -F"), systemd},
			"lxc:web   by  of lxc-start -n web -F (pid 99, 1 above)",
		},
		{
			"what a container has begun in its pid namespace",
			[]string{"c!" + startOf, startOf, of("/usr/bin/incusd", "incusd --group incus-admin"), systemd},
			"theirs lxc:web   by incus of nobody",
		},
		{"a helper of an engine", []string{of("/usr/bin/unshare", "unshare -n"), dockerd, systemd}, "docker:   by docker of /usr/sbin/dockerd -H fd:// (pid 99, 1 above)"},
		{"a kubelet's node in a container", []string{"c!" + containerd, "c!" + systemd}, "theirs sandbox containerd:   by containerd of /usr/bin/containerd (pid 100, 1 above)"},

		{"a program in a container", []string{"c!" + of("/usr/bin/unshare", "unshare -n"), "*" + runcInit, runcInit, create, shim, start, containerd}, ""},
		{"a program in a container that calls itself so", []string{"c!" + runcInit, "*" + runcInit, runcInit, create, shim, start, containerd}, ""},
		{"a runtime in somebody's home", []string{"1000!" + of("/home/eve/runc", "runc create "+id), "1000!" + bash, systemd}, ""},
		{"a runtime in root's home", []string{of("/root/runc", "runc create "+id), containerd, systemd}, ""},
		{
			"a user's own runtime under his engine",
			[]string{"1000!" + of("/home/eve/crun", "crun create "+id), "1000!*" + conmon, "1000!" + conmon, "1000!" + podmanRun, systemd},
			"theirs podman:ID web  by podman of podman run --network none alpine (pid 97, 1 above)",
		},
		{"what calls itself crun and has no path", []string{sealedCrun, bash, podmanRun}, ""},
		{"what calls itself podman and has no path", []string{crun, of("", "podman run alpine"), podmanRun}, ""},
		{"runc that only lists", []string{of("/usr/sbin/runc", "runc list"), bash}, ""},
		{"what calls itself runc init", []string{of("/usr/bin/unshare", "runc init"), bash}, ""},
		{"a child of init", []string{of("/usr/bin/unshare", "unshare -n"), bash}, ""},
		{"a user's runtime below root's", []string{"1000!" + crun, conmon, podmanRun}, "theirs containerd:ID   by  of nobody"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, ancestry := line(tt.line...)
			w, ok := Machine{PIDNamespace: hostPIDs}.Find(p, ancestry)
			if !ok {
				w = nil
			}
			got := ""
			if w != nil {
				got = strings.ReplaceAll(say(w), id, "ID")
			}
			if got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
