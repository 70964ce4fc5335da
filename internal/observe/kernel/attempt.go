package kernel

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"github.com/nsblame/nsblame/internal/event"
	"golang.org/x/sys/unix"
)

// attempt asks the kernel for something and gives it back at once. Only the
// answer matters.
type attempt func() error

// attempts are the things that Check tries. They are fields so that tests can
// simulate any kernel.
type attempts struct {
	memlock, ringBuffer          attempt
	rawTracepoint, fentry, fexit attempt
	taskIterator, kprobe         attempt
}

// attachPoint is where programs are tried. nsblame itself traces it, and it is
// called so rarely that a trial goes unnoticed.
const attachPoint = string(event.ProbeCreate)

func realAttempts() attempts {
	return attempts{
		memlock:       rlimit.RemoveMemlock,
		ringBuffer:    func() error { return features.HaveMapType(ebpf.RingBuf) },
		rawTracepoint: tryProgram(tracing(ebpf.AttachTraceRawTp, string(event.ProbeProcessExec)), attachTracing),
		fentry:        tryProgram(tracing(ebpf.AttachTraceFEntry, attachPoint), attachTracing),
		fexit:         tryProgram(tracing(ebpf.AttachTraceFExit, attachPoint), attachTracing),
		taskIterator:  tryProgram(tracing(ebpf.AttachTraceIter, "task"), attachIterator),
		kprobe:        tryProgram(&ebpf.ProgramSpec{Type: ebpf.Kprobe}, attachKprobe),
	}
}

func tracing(at ebpf.AttachType, to string) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: at, AttachTo: to}
}

// tryProgram returns the attempt to load and attach a program that does
// nothing.
func tryProgram(spec *ebpf.ProgramSpec, attach func(*ebpf.Program) (io.Closer, error)) attempt {
	spec.Name = "nsblame_try"
	spec.License = "GPL"
	spec.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
	return func() (err error) {
		prog, err := ebpf.NewProgramWithOptions(spec, ebpf.ProgramOptions{LogDisabled: true})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, prog.Close()) }()
		attached, err := attach(prog)
		if err != nil {
			return fmt.Errorf("attach: %w", err)
		}
		return attached.Close()
	}
}

// KprobesNeedPreallocation reports whether this kernel warns about kprobe
// programs whose tables allocate entries on demand. Such a kernel also refuses
// these tables to programs on perf events, so that is tried. If it cannot be
// tried, the answer is yes.
func KprobesNeedPreallocation() bool { return tryAllocation() != nil }

func tryAllocation() (err error) {
	// Before 5.11, memory that another program has just freed can still count
	// against the limit.
	_ = rlimit.RemoveMemlock()
	table, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "nsblame_try", Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1, Flags: unix.BPF_F_NO_PREALLOC,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.Close()) }()
	prog, err := ebpf.NewProgramWithOptions(&ebpf.ProgramSpec{
		Name: "nsblame_try", Type: ebpf.PerfEvent, License: "GPL",
		Instructions: asm.Instructions{asm.LoadMapPtr(asm.R1, table.FD()), asm.Mov.Imm(asm.R0, 0), asm.Return()},
	}, ebpf.ProgramOptions{LogDisabled: true})
	if err != nil {
		return err
	}
	return prog.Close()
}

// HasFentry reports whether functions of the kernel image can be probed by
// fentry and fexit. It tries the latter, for which the kernel needs all that it
// needs for the former.
func HasFentry() bool { return realAttempts().fexit() == nil }

func attachTracing(p *ebpf.Program) (io.Closer, error) {
	return link.AttachTracing(link.TracingOptions{Program: p})
}

func attachIterator(p *ebpf.Program) (io.Closer, error) {
	return link.AttachIter(link.IterOptions{Program: p})
}

func attachKprobe(p *ebpf.Program) (io.Closer, error) {
	return link.Kprobe(attachPoint, p, nil)
}
