package probe

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// runnable loads a program in a form that can be run without what it attaches to. What it
// attaches to passes numbers then.
func (coll *collection) runnable(t *testing.T, name string) *ebpf.Program {
	t.Helper()
	whole, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	spec := whole.Programs[name]
	spec.Type, spec.AttachType, spec.AttachTo = ebpf.RawTracepoint, ebpf.AttachNone, ""
	loaded, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{
		Maps: coll.spec.Copy().Maps, Types: whole.Types, ByteOrder: coll.spec.ByteOrder,
		Programs: map[string]*ebpf.ProgramSpec{name: spec},
	}, ebpf.CollectionOptions{MapReplacements: coll.maps})
	skipIfRefused(t, kernel.Refused("load a program", err))
	t.Cleanup(loaded.Close)
	return loaded.Programs[name]
}

// testRun is what bpf(BPF_PROG_TEST_RUN) takes.
type testRun struct {
	program, result               uint32
	dataSizeIn, dataSizeOut       uint32
	dataIn, dataOut               uint64
	repeat, duration              uint32
	contextSizeIn, contextSizeOut uint32
	context                       *[12]uint64 // as many as a tracepoint passes on at most
	contextOut                    uint64
	flags, cpu, batch, _          uint32
}

func newTestRun(p *ebpf.Program, args []uint64) *testRun {
	r := &testRun{program: uint32(p.FD()), context: new([12]uint64)}
	r.contextSizeIn = uint32(8 * copy(r.context[:], append(args, make([]uint64, len(r.context)-len(args))...)))
	return r
}

func (r *testRun) run() error {
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN, uintptr(unsafe.Pointer(r)), unsafe.Sizeof(*r))
	if errno != 0 {
		return errno
	}
	return nil
}

// run runs a program with these arguments.
func run(t *testing.T, p *ebpf.Program, args ...uint64) {
	t.Helper()
	if err := newTestRun(p, args).run(); err != nil {
		t.Fatal(err)
	}
}

// atOnce has two processors run a program at the same time, or nearly.
func atOnce(t *testing.T, p *ebpf.Program, args ...uint64) {
	t.Helper()
	var ready atomic.Int32
	var both sync.WaitGroup
	for range 2 {
		r := newTestRun(p, args)
		both.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Add(1)
			for spins := 0; ready.Load() < 2 && spins < 1<<20; spins++ {
			}
			if err := r.run(); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
}

// native loads a small program of instructions.
func native(t *testing.T, instructions ...asm.Instruction) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.RawTracepoint, License: "GPL", Instructions: append(instructions, asm.Mov.Imm(asm.R0, 0).WithSymbol("end"), asm.Return()),
	})
	skipIfRefused(t, kernel.Refused("load a program", err))
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// kernelMemory puts bytes into the kernel's memory, and returns where they are.
func kernelMemory(t *testing.T, content []byte) uint64 {
	t.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(len(content)), MaxEntries: 1})
	skipIfRefused(t, kernel.Refused("create a map", err))
	t.Cleanup(func() { _ = m.Close() })
	run(t, native(t,
		asm.StoreImm(asm.R10, -4, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.R10), asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "end"),
		asm.StoreMem(asm.R0, 0, asm.R0, asm.DWord),
	))
	value := make([]byte, len(content))
	if err := m.Lookup(uint32(0), &value); err != nil {
		t.Fatal(err)
	}
	if err := m.Put(uint32(0), content); err != nil {
		t.Fatal(err)
	}
	return binary.NativeEndian.Uint64(value)
}

// tasks notes where the kernel has whoever calls exec from now on, by its pid.
func tasks(t *testing.T) func(pid int) uint64 {
	t.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 4096})
	skipIfRefused(t, kernel.Refused("create a map", err))
	t.Cleanup(func() { _ = m.Close() })
	p := native(t,
		asm.FnGetCurrentPidTgid.Call(),
		asm.StoreMem(asm.R10, -8, asm.R0, asm.DWord),
		asm.FnGetCurrentTask.Call(),
		asm.StoreMem(asm.R10, -16, asm.R0, asm.DWord),
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.R10), asm.Add.Imm(asm.R2, -8),
		asm.Mov.Reg(asm.R3, asm.R10), asm.Add.Imm(asm.R3, -16),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
	)
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sched_process_exec", Program: p})
	skipIfRefused(t, kernel.Refused("attach a program", err))
	t.Cleanup(func() { _ = l.Close() })
	return func(pid int) uint64 {
		var task uint64
		if err := m.Lookup(uint64(pid)<<32|uint64(pid), &task); err != nil {
			t.Fatal(err)
		}
		return task
	}
}
