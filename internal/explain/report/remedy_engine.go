package report

import (
	"cmp"
	"path"
	"regexp"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// harmlessName is a name that can stand in a command: no option, and no other command.
// All names of Kubernetes, docker and podman have that form. Those that somebody has
// made up may not.
var harmlessName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}$`)

// tools are the commands by which people work with the containers of a runtime.
var tools = map[string]string{cgroup.RuntimeDocker: "docker", cgroup.RuntimePodman: "podman"}

// toolOf is the command for the container for which a namespace was made.
func toolOf(f *finding.For) (tool string, ok bool) {
	if f == nil || f.Container == nil || f.Pod != nil {
		return "", false
	}
	tool, ok = tools[f.Container.Runtime]
	return tool, ok
}

// runWithin has commands run in a container that is there.
func runWithin(tool string) Remedy {
	return Remedy{Kind: FewerStarts, Do: Advice{Code: AdviceRunWithin, Program: tool}, Cost: Drawback{Code: DrawbackMemory}}
}

// ofBeneficiary is what can be looked at where only is known for whom it was done.
func ofBeneficiary(f *finding.For) []Remedy {
	switch {
	case f == nil:
		return nil
	case f.Pod != nil:
		return []Remedy{seePod(f.Pod)}
	}
	tool, ok := toolOf(f)
	if !ok {
		return nil
	}
	out := Remedy{Kind: ContainerRestart, Do: Advice{Code: AdviceInspectContainer, Program: tool}, Cost: Drawback{Code: DrawbackContainerDown}}
	if name := called(f.Container); name != "" {
		out.Commands = inspect(tool, name)
	}
	return []Remedy{out}
}

// called is how a command calls a container, empty if it has no harmless name.
func called(c *finding.Container) string {
	for _, name := range []string{c.Name, c.ID} {
		if harmlessName.MatchString(name) {
			return name
		}
	}
	return ""
}

// ofRestart is for what is restarted: a service, or a container by its policy.
func ofRestart(c *Cause) []Remedy {
	restarted := c.Example.Origin.Container
	if restarted == nil {
		return []Remedy{fixFailure(c, AdviceFixFailure)}
	}
	do := Advice{Program: cmp.Or(tools[restarted.Runtime], restarted.Runtime), Container: restarted}
	if uid := c.Example.Process.UID; uid != 0 && restarted.Runtime == cgroup.RuntimePodman {
		do.User, do.HasUser = uid, true
	}
	mend := Remedy{Kind: FixFailure, Do: do}
	mend.Do.Code = AdviceFixContainer
	stop := Remedy{Kind: ContainerRestart, Do: do, Cost: Drawback{Code: DrawbackContainerDown}}
	stop.Do.Code = AdviceStopRestarting
	if tool, name := tools[restarted.Runtime], called(restarted); tool != "" && name != "" {
		mend.Commands = inspect(tool, name)
		stop.Commands = [][]string{{tool, "update", "--restart=no", name}}
	}
	return []Remedy{mend, stop}
}

// ofPod is for the sandboxes of a pod.
func ofPod(k *finding.Attribution) []Remedy {
	pod := k.Origin.Pod
	if pod == nil {
		return nil
	}
	list := []Remedy{seePod(pod)}
	switch {
	case pod.Source == "file":
		list = append(list, changeManifest(pod, k.Origin.Process))
	case pod.Workload != nil:
		list = append(list, changeWorkload(pod))
	}
	return list
}

// seePod shows why a pod needs a sandbox.
func seePod(pod *finding.Pod) Remedy {
	out := Remedy{Kind: Pod, Do: Advice{Code: AdviceSeePod, Pod: pod}}
	if !harmlessName.MatchString(pod.Namespace) || !harmlessName.MatchString(pod.Name) {
		return out
	}
	out.Commands = [][]string{
		{"kubectl", "--namespace", pod.Namespace, "describe", "pod", pod.Name},
		{"crictl", "pods", "--namespace", pod.Namespace, "--name", pod.Name},
	}
	return out
}

// changeManifest is for a pod that the kubelet has from a file: it says where it looks
// for those, on its command line or in its configuration.
func changeManifest(pod *finding.Pod, kubelet *lineage.Process) Remedy {
	out := Remedy{Kind: Pod, Do: Advice{Code: AdviceChangeManifest, Pod: pod}}
	switch {
	case pod.Manifests != "":
		out.Commands = [][]string{{"ls", pod.Manifests}}
		return out
	case kubelet == nil:
		return out
	}
	if dir := option(kubelet.Argv, "--pod-manifest-path"); path.IsAbs(dir) {
		out.Commands = [][]string{{"ls", dir}}
	} else if file := option(kubelet.Argv, "--config"); path.IsAbs(file) {
		out.Commands = [][]string{{"grep", "staticPodPath", file}}
	}
	return out
}

// option is the value of an option, empty if it is not there.
func option(argv []string, name string) string {
	for i, arg := range argv {
		if value, ok := strings.CutPrefix(arg, name+"="); ok {
			return value
		}
		if arg == name && i+1 < len(argv) {
			return argv[i+1]
		}
	}
	return ""
}

// changeWorkload is for a pod that something makes, maybe again and again.
func changeWorkload(pod *finding.Pod) Remedy {
	out := Remedy{Kind: Workload, Do: Advice{Code: AdviceChangeWorkload, Pod: pod}, Cost: Drawback{Code: DrawbackRunsLess}}
	w := pod.Workload
	if harmlessName.MatchString(pod.Namespace) && harmlessName.MatchString(w.Kind) && harmlessName.MatchString(w.Name) {
		out.Commands = [][]string{{"kubectl", "--namespace", pod.Namespace, "describe", strings.ToLower(w.Kind), w.Name}}
	}
	return out
}
