package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cilium/ebpf/btf"

	"github.com/nsblame/nsblame/internal/observe/vmlinux"
)

const (
	// btfDir is where the kernel offers type information.
	btfDir = "sys/kernel/btf"
	// vmlinuxBTF is its own.
	vmlinuxBTF = btfDir + "/vmlinux"
)

// Types reads those of the kernel's types that have one of the names, and those
// of loaded modules.
func Types(names []string, modules ...string) (*vmlinux.Types, error) {
	return vmlinux.Pick(func(file string) ([]byte, error) {
		return os.ReadFile(filepath.Join("/"+btfDir, file))
	}, names, modules...)
}

// checkedTypes are the types that are asked about here, read once.
var checkedTypes = sync.OnceValues(func() (*vmlinux.Types, error) { return Types(checkedNames()) })

func checkedNames() []string {
	names := []string{netStruct}
	for _, h := range functions {
		names = append(names, h.name)
	}
	for _, m := range subsystems {
		names = append(names, m.function)
	}
	for _, h := range tracepoints {
		names = append(names, vmlinux.TracepointPrefix+h.name)
	}
	return names
}

// netStruct is the structure that is a network namespace.
const netStruct = "net"

// hasFunction reports whether the kernel image's BTF has the function, so that
// fentry and fexit programs can name it. The error says that there is no BTF.
func hasFunction(name string) (bool, error) {
	types, err := typesWith(name)
	if err != nil {
		return false, err
	}
	_, err = types.Function(name)
	return found(err)
}

// hasTracepoint reports whether the kernel image's BTF has the tracepoint, so
// that tp_btf programs can name it. The error says that there is no BTF.
func hasTracepoint(name string) (bool, error) {
	types, err := typesWith(vmlinux.TracepointPrefix + name)
	if err != nil {
		return false, err
	}
	_, err = types.Tracepoint(name)
	return found(err)
}

func found(err error) (bool, error) {
	if errors.Is(err, btf.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// typesWith are types with that name among them.
func typesWith(name string) (*vmlinux.Types, error) {
	if slices.Contains(checkedNames(), name) {
		return checkedTypes()
	}
	return Types([]string{name})
}

// hasCookies reports whether a network namespace gets the number that is its own
// until reboot when it is created: an integer in struct net, or in what all
// kinds of namespaces share. Before, it is an atomic that is filled when somebody
// asks for it. The error says that there is no BTF.
func hasCookies() (bool, error) {
	types, err := checkedTypes()
	if err != nil {
		return false, err
	}
	var net *btf.Struct
	if err := types.Spec.TypeByName(netStruct, &net); err != nil {
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
