package kernel

import (
	"errors"
	"slices"
	"sync"

	"github.com/cilium/ebpf/btf"
)

// vmlinuxBTF is where the kernel offers its own type information.
const vmlinuxBTF = "sys/kernel/btf/vmlinux"

// kernelSpec reads the kernel's BTF once: it is some 5 MB to index.
var kernelSpec = sync.OnceValues(btf.LoadKernelSpec)

// HasFunction reports whether the kernel image's BTF has the function, so that
// fentry and fexit programs can name it. The error says that there is no BTF.
func HasFunction(name string) (bool, error) {
	var fn *btf.Func
	return hasType(name, &fn)
}

// HasTracepoint reports whether the kernel image's BTF has the tracepoint, so
// that tp_btf programs can name it. The error says that there is no BTF.
func HasTracepoint(name string) (bool, error) {
	var typedef *btf.Typedef
	return hasType("btf_trace_"+name, &typedef)
}

// HasCookies reports whether a network namespace gets the number that is its own
// until reboot when it is created: an integer in struct net, or in what all
// kinds of namespaces share. Before, it is an atomic that is filled when somebody
// asks for it. The error says that there is no BTF.
func HasCookies() (bool, error) {
	spec, err := kernelSpec()
	if err != nil {
		return false, err
	}
	var net *btf.Struct
	if err := spec.TypeByName("net", &net); err != nil {
		return false, err
	}
	for _, member := range net.Members {
		switch member.Name {
		case "net_cookie":
			_, isInt := btf.UnderlyingType(member.Type).(*btf.Int)
			return isInt, nil
		case "ns":
			common, ok := btf.UnderlyingType(member.Type).(*btf.Struct)
			if ok && slices.ContainsFunc(common.Members, func(m btf.Member) bool { return m.Name == "ns_id" }) {
				return true, nil
			}
		}
	}
	return false, nil
}

func hasType(name string, typ any) (bool, error) {
	spec, err := kernelSpec()
	if err != nil {
		return false, err
	}
	err = spec.TypeByName(name, typ)
	if errors.Is(err, btf.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
