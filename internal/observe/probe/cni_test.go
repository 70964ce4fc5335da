package probe

import (
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// chars fills a fixed buffer, as the BPF programs do.
func chars(buf []int8, s string) {
	for i := range min(len(s), len(buf)) {
		buf[i] = int8(s[i])
	}
}

func TestDecodeCNI(t *testing.T) {
	const sandbox = "7d94a0b0e41b0a4a8a4df7f2a33c7d0d1c5b7c1c7a24c4a5f2c3ad1dfb1f6a11"
	r := bpfCniRecord{
		Kind: uint32(bpfRecordKindREC_CNI), BootNs: 9, Serial: 4, Process: bpfProcessKey{StartNs: 1, Pid: 2},
	}
	chars(r.Command[:], "ADD")
	chars(r.Container[:], sandbox)
	chars(r.Netns[:], "/var/run/netns/cni-1c5b7c1c")
	chars(r.Args[:], "K8S_POD_NAME=broken-node1;K8S_POD_UID=u-1;SECRET=x;K8S_POD_INFRA_CONTAINER_ID="+sandbox+
		";K8S_POD_NAMESPACE=batch;IgnoreUnknown=1;K8S_POD")
	want := event.CNI{
		Serial: 4, Process: event.ProcessID{PID: 2, StartNS: 1}, Command: "ADD", ContainerID: sandbox,
		Netns: "/var/run/netns/cni-1c5b7c1c", PodNamespace: "batch", PodName: "broken-node1", PodUID: "u-1", Sandbox: sandbox,
	}
	check(t, raw(r), event.Event{BootNS: 9, Body: &want})

	r.Flags = uint32(bpfCniFlagsCNI_CUT)
	want.Cut = true
	check(t, raw(r), event.Event{BootNS: 9, Body: &want})
}

// A plugin that is run by hand needs no arguments, and a value may fill its buffer.
func TestDecodeCNIWithoutPod(t *testing.T) {
	r := bpfCniRecord{Kind: uint32(bpfRecordKindREC_CNI), Serial: 4}
	chars(r.Container[:], strings.Repeat("x", len(r.Container)))
	check(t, raw(r), event.Event{Body: &event.CNI{Serial: 4, ContainerID: strings.Repeat("x", len(r.Container))}})
}
