package kernel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

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
	var maps [][]byte
	// 5 MB that would stay with the garbage collector for a while
	defer func() {
		for _, m := range maps {
			_ = unix.Munmap(m)
		}
	}()
	return vmlinux.Pick(func(file string) ([]byte, error) {
		raw, err := mapTypes(file)
		if err == nil {
			maps = append(maps, raw)
		}
		return raw, err
	}, names, modules...)
}

// mapTypes maps types into memory, by their name in sysfs. The kernel's own are there in
// one piece once a program was loaded. In sysfs each page is a read, and is copied twice.
func mapTypes(name string) ([]byte, error) {
	if name == "vmlinux" {
		if raw, err := mapLoaded(name); err == nil {
			return raw, nil
		}
	}
	return mapFile(filepath.Join("/"+btfDir, name))
}

// typesInfo is struct bpf_btf_info.
type typesInfo struct {
	types       unsafe.Pointer
	size, id    uint32
	name        unsafe.Pointer
	nameSize    uint32
	ofTheKernel uint32
}

// mapLoaded maps the types that the kernel has loaded first into memory, if they have that
// name. It takes CAP_SYS_ADMIN.
func mapLoaded(name string) ([]byte, error) {
	var first btf.HandleIterator
	if !first.Next() {
		return nil, errors.Join(errNotLoaded, first.Err())
	}
	defer first.Handle.Close()
	text := make([]byte, 64) // as long as names of modules are
	info := typesInfo{name: unsafe.Pointer(&text[0]), nameSize: uint32(len(text))}
	if err := info.ask(first.Handle.FD()); err != nil {
		return nil, err
	}
	if info.ofTheKernel == 0 || unix.ByteSliceToString(text) != name {
		return nil, errNotLoaded
	}
	raw, err := unix.Mmap(-1, 0, int(info.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("get memory for %s: %w", name, err)
	}
	info = typesInfo{types: unsafe.Pointer(&raw[0]), size: info.size}
	if err := info.ask(first.Handle.FD()); err != nil {
		return nil, errors.Join(err, unix.Munmap(raw))
	}
	return raw, nil
}

// errNotLoaded says that the kernel has not loaded its own types, or others before.
var errNotLoaded = errors.New("the kernel's types are not loaded")

// ask fills in what the kernel says of types.
func (i *typesInfo) ask(fd int) error {
	attr := struct {
		fd, size uint32
		info     unsafe.Pointer
	}{uint32(fd), uint32(unsafe.Sizeof(*i)), unsafe.Pointer(i)}
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_OBJ_GET_INFO_BY_FD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(i)
	if errno != 0 {
		return fmt.Errorf("ask for the kernel's types: %w", errno)
	}
	return nil
}

// mapFile maps a file of sysfs into memory. Kernels before 6.16 can't do so with
// types, so these are read.
func mapFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	size := int(info.Size())
	raw, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ, unix.MAP_PRIVATE)
	if err == nil {
		return raw, nil
	}
	raw, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("get memory for %s: %w", path, err)
	}
	if _, err := io.ReadFull(file, raw); err != nil {
		return nil, errors.Join(err, unix.Munmap(raw))
	}
	return raw, nil
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
