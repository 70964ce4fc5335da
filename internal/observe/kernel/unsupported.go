package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/unsupported"
)

// The reasons that this package itself gives.
var (
	// ErrNoRights: the process lacks the capabilities for tracing.
	ErrNoRights = errors.New("this process lacks the rights")
	// ErrUserNamespace: the process is not in the initial user namespace, where
	// alone its capabilities would count.
	ErrUserNamespace = errors.New("this process is in a user namespace, where its capabilities do not count")
	// ErrRefused: the kernel refuses a process that has all the rights.
	ErrRefused = errors.New("the kernel refuses it to a process that has the rights")
	// ErrLockdown: the kernel is locked down against reading its memory.
	ErrLockdown = errors.New("the kernel is in lockdown mode \"confidentiality\"")
)

const (
	remedyRights        = "run it as root, or give it CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN"
	remedyUserNamespace = "run it outside the container, or in one without a user namespace of its own (podman: as root, with --userns=host)"
	remedyRefused       = "a security module, a seccomp profile or a sandbox's kernel decides so: run it on the host itself, or allow the bpf system call"
	remedySeccomp       = "a seccomp filter is active in this process: allow the bpf system call (docker, podman: --security-opt seccomp=unconfined)"
	remedyMemlock       = "run it as root, give it CAP_SYS_RESOURCE, or raise the limit of locked memory before (ulimit -l unlimited)"
	remedyLockdown      = "boot without lockdown=confidentiality; the mode \"integrity\" is enough for Secure Boot"
	remedyBTF           = "boot a kernel that is built with CONFIG_DEBUG_INFO_BTF=y"
	remedyFunction      = "this kernel does not have the function under this name: report what nsblame doctor --verbose says, with the kernel's version"
	remedyKprobeEvents  = "boot a kernel that is built with CONFIG_KPROBE_EVENTS=y, or mount tracefs on /sys/kernel/tracing"
	remedyNotSupported  = "boot a newer kernel, or one with CONFIG_BPF_SYSCALL, CONFIG_BPF_JIT, CONFIG_BPF_EVENTS and CONFIG_DEBUG_INFO_BTF"
)

// Refused explains the error of an attempt to load or attach something: what
// the kernel or the rights of the process stand in the way of becomes an
// *unsupported.Error with a remedy. Any other error, a program that the
// verifier rejects among them, is returned wrapped. A nil error stays nil.
func Refused(what string, err error) error {
	if err == nil {
		return nil
	}
	return running().refused(what, err)
}

func (x *examiner) refused(what string, err error) error {
	var already *unsupported.Error
	switch {
	case errors.As(err, &already):
		return fmt.Errorf("%s: %w", what, err)
	case x.confidential():
		return unsupported.New(what, remedyLockdown, because(ErrLockdown, err))
	case isDenial(err):
		return x.denied(what, err)
	case lacksKprobeEvents(err):
		return unsupported.New(what, remedyKprobeEvents, err)
	case errors.Is(err, btf.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return unsupported.New(what, remedyFunction, err)
	case errors.Is(err, ebpf.ErrNotSupported):
		return unsupported.New(what, x.notSupportedRemedy(), err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// lacksKprobeEvents reports whether a kprobe could not be attached because tracefs has
// no file to define it in. That says nothing of the function.
func lacksKprobeEvents(err error) bool {
	var at *fs.PathError
	return errors.As(err, &at) && errors.Is(at, fs.ErrNotExist) && path.Base(at.Path) == "kprobe_events"
}

// denied explains a denial: without the rights, or in spite of them. Of the
// error only the number is kept: the loader adds guesses to it that mislead
// once the reason is known.
func (x *examiner) denied(what string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno
	}
	var lack *unsupported.Error
	if errors.As(x.permitted(), &lack) {
		return unsupported.New(what, lack.Remedy, because(lack.Err, err))
	}
	return unsupported.New(what, x.refusedRemedy(), because(ErrRefused, err))
}

// refusedRemedy picks the likeliest reason for a denial to a process that has
// all the rights.
func (x *examiner) refusedRemedy() string {
	if x.try.memlock() != nil {
		return remedyMemlock
	}
	if st, err := x.status(); err == nil && st.seccompFilter {
		return remedySeccomp
	}
	return remedyRefused
}

func (x *examiner) notSupportedRemedy() string {
	if _, err := fs.Stat(x.root, vmlinuxBTF); err != nil {
		return remedyBTF
	}
	return remedyNotSupported
}

// isDenial reports whether the kernel denied a right. The verifier rejects
// programs with EACCES too: then there is a log, and no right would help.
func isDenial(err error) bool {
	if errors.Is(err, unix.EPERM) {
		return true
	}
	var rejected *ebpf.VerifierError
	if errors.As(err, &rejected) && len(rejected.Log) > 0 {
		return false
	}
	return errors.Is(err, unix.EACCES)
}

// because joins the reason that we know with the error that the kernel gave.
func because(reason, err error) error { return fmt.Errorf("%w (%w)", reason, err) }
