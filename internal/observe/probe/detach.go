package probe

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// detach ends all probes, once and for all. On return no program does anything any
// more, and what was sent before stays in the ring buffer.
//
// The kernel may take longer to take the programs away: for each function with fentry
// programs it waits until no task can be in what it made for that function
// (kernel/trace/ftrace.c, ftrace_shutdown), which takes 0.1 s and more. Nobody has to
// wait for that where a flag has the programs do nothing.
func (coll *collection) detach() error {
	coll.mu.Lock()
	defer coll.mu.Unlock()
	if coll.detached {
		return nil
	}
	coll.detached = true
	links := coll.links
	for _, p := range coll.moduleProbes {
		links = append(links, p.links...)
		p.links = nil
	}
	coll.links = nil
	coll.missed(links)
	now, later := coll.divideLinks(links)
	errs := []error{coll.variables[bpfVarStopped].Set(true), closeLinks(now)}
	if awaitPrograms() == nil {
		_ = closeLater(later) // otherwise closing them waits
	}
	return errors.Join(append(errs, closeLinks(later))...)
}

// hasFD is a link that is a file.
type hasFD interface{ FD() int }

// divideLinks returns the links that are to be closed now, and those that can be
// closed later, as their programs do nothing once they are stopped (bpf/probe.h).
func (coll *collection) divideLinks(links []attached) (now, later []attached) {
	for _, l := range links {
		if _, file := l.Link.(hasFD); !file || l.named || !onFunction(l.program) {
			now = append(now, l)
		} else {
			later = append(later, l)
		}
	}
	return now, later
}

// onFunction reports whether a program is one of a pair of bpf/probe.h.
func onFunction(program string) bool {
	return slices.ContainsFunc(groups, func(g group) bool {
		return slices.ContainsFunc(append([]group{g}, g.or...), func(g group) bool {
			return slices.Contains(g.by(byFentry), program) || slices.Contains(g.by(byKprobe), program)
		})
	})
}

// detachLinks ends probes while others go on.
func (coll *collection) detachLinks(links []attached) error {
	coll.missed(links)
	return closeLinks(links)
}

// closeLinks closes links, the one that was attached last first. To do so at the
// same time takes longer, for the kernel waits under a lock.
func closeLinks(links []attached) error {
	var errs []error
	for _, l := range slices.Backward(links) {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// awaitPrograms waits until all programs that run now have ended. The kernel does so
// when a map is put into another one (kernel/bpf/syscall.c, maybe_wait_bpf_programs).
func awaitPrograms() error {
	spec := &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	inner, err := ebpf.NewMap(spec)
	if err != nil {
		return err
	}
	defer inner.Close()
	outer, err := ebpf.NewMap(&ebpf.MapSpec{
		Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, InnerMap: spec,
	})
	if err != nil {
		return err
	}
	defer outer.Close()
	return outer.Put(uint32(0), inner)
}

// closeLater hands files on to the kernel, which closes them some time after their
// owner has. It does that with the files of an io_uring, in a worker
// (io_uring/io_uring.c, io_ring_exit_work). A machine may refuse io_uring.
func closeLater(links []attached) error {
	files := make([]int32, 0, len(links))
	for _, l := range links {
		if f, ok := l.Link.(hasFD); ok {
			files = append(files, int32(f.FD()))
		}
	}
	if len(files) == 0 {
		return nil
	}
	return holdFiles(files)
}

// uringParams is struct io_uring_params (include/uapi/linux/io_uring.h).
type uringParams [120]byte

// registerFiles is IORING_REGISTER_FILES.
const registerFiles = 2

// holdFiles has an io_uring hold files, and closes it.
func holdFiles(files []int32) error {
	var params uringParams
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return fmt.Errorf("set up an io_uring: %w", errno)
	}
	ring := os.NewFile(fd, "io_uring")
	defer ring.Close()
	_, _, errno = unix.Syscall6(unix.SYS_IO_URING_REGISTER, fd, registerFiles,
		uintptr(unsafe.Pointer(unsafe.SliceData(files))), uintptr(len(files)), 0, 0)
	runtime.KeepAlive(files)
	if errno != 0 {
		return fmt.Errorf("have an io_uring hold files: %w", errno)
	}
	return nil
}
