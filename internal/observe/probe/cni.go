package probe

import (
	"strings"

	"github.com/nsblame/nsblame/internal/event"
)

// cniEvent takes the arguments of the plugin apart, of which only those that name the
// pod are kept.
func cniEvent(r *bpfCniRecord) event.Event {
	c := &event.CNI{
		Serial:      r.Serial,
		Process:     processID(r.Process),
		Command:     text(r.Command[:]),
		ContainerID: text(r.Container[:]),
		Netns:       text(r.Netns[:]),
		Cut:         has(r.Flags, bpfCniFlagsCNI_CUT),
	}
	takeCNIArgs(c, text(r.Args[:]))
	return event.Event{BootNS: r.BootNs, Body: c}
}

// takeCNIArgs reads CNI_ARGS: pairs of key and value, with semicolons between them
// (containernetworking/cni, SPEC.md). The keys are those of the kubelet's runtimes
// (containerd, internal/cri/server/sandbox_run.go, toCNILabels).
func takeCNIArgs(c *event.CNI, args string) {
	for pair := range strings.SplitSeq(args, ";") {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "K8S_POD_NAMESPACE":
			c.PodNamespace = value
		case "K8S_POD_NAME":
			c.PodName = value
		case "K8S_POD_UID":
			c.PodUID = value
		case "K8S_POD_INFRA_CONTAINER_ID":
			c.Sandbox = value
		}
	}
}
