package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/vmlinux"
)

// loader gives programs to the kernel. The library can do so, too, but only after
// it has indexed all of the kernel's types, and with a BTF of its own for each
// program; here they are relocated against the few types that they name, and
// share one BTF. A function that several programs call is relocated once.
//
// What fails here is tried again by the library, which says why.
type loader struct {
	maps  map[string]*ebpf.Map
	types *vmlinux.Types
	// described is the BTF of the programs' functions, which the verifier needs
	// of those that it looks at by themselves.
	described *btf.Builder
	// prepared are the functions of all programs, by name.
	functions map[string]*prepared
	// parts are the names of the functions of each program.
	parts map[string][]string
	// unneeded reports whether a program can do without a function. It calls none then,
	// and goes on as if that had returned 0.
	unneeded func(program, function string) bool
}

// prepared is a function as the kernel takes it, but for the calls in it.
type prepared struct {
	source asm.Instructions
	code   []byte
	calls  []functionCall
	typeID btf.TypeID
}

// functionCall is one of another function.
type functionCall struct {
	at     int // in instructions of the kernel
	callee string
}

// image is a program as the kernel takes it.
type image struct {
	spec      *ebpf.ProgramSpec
	code      []byte
	functions []byte // struct bpf_func_info of each
	target    btf.TypeID
}

// load loads programs: all of them or none.
func (l *loader) load(specs []*ebpf.ProgramSpec) ([]*ebpf.Program, error) {
	if err := l.prepare(specs); err != nil {
		return nil, err
	}
	images := make([]*image, len(specs))
	for i, spec := range specs {
		im, err := l.link(spec)
		if err != nil {
			return nil, fmt.Errorf("link %s: %w", spec.Name, err)
		}
		images[i] = im
	}
	types, err := btf.NewHandle(l.described)
	if err != nil {
		return nil, err
	}
	defer types.Close()
	programs := make([]*ebpf.Program, len(specs))
	errs := make([]error, len(specs))
	concurrently(len(images), func(i int) { programs[i], errs[i] = images[i].load(types.FD()) })
	if err := errors.Join(errs...); err != nil {
		for _, p := range programs {
			_ = p.Close() // of nil, too
		}
		return nil, err
	}
	return programs, nil
}

// concurrently does so many things, as many at the same time as there are
// processors.
func concurrently(n int, do func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	all.Wait()
}

// prepare relocates all functions of programs and has them refer to the maps.
func (l *loader) prepare(specs []*ebpf.ProgramSpec) error {
	l.functions, l.parts = make(map[string]*prepared), make(map[string][]string)
	lengths := make(map[string]int)
	var list []*prepared
	for _, spec := range specs {
		for name, source := range functionsIn(spec.Instructions, lengths) {
			l.parts[spec.Name] = append(l.parts[spec.Name], name)
			if l.functions[name] == nil {
				l.functions[name] = &prepared{source: slices.Clone(source)}
				list = append(list, l.functions[name])
			}
		}
	}
	if err := l.relocate(list); err != nil {
		return err
	}
	for _, fn := range list {
		if err := l.encode(fn); err != nil {
			return fmt.Errorf("prepare %s: %w", fn.source[0].Symbol(), err)
		}
	}
	return nil
}

// order is that of the processors that nsblame is built for.
var order = binary.LittleEndian

// functionsIn yields the functions of a program, by name. The first one is the program's
// own. It keeps the lengths of those that programs share, which spares it a look at each
// instruction.
func functionsIn(code asm.Instructions, lengths map[string]int) iter.Seq2[string, asm.Instructions] {
	return func(yield func(string, asm.Instructions) bool) {
		for first := 0; first < len(code); {
			name := code[first].Symbol()
			next := first + lengths[name]
			for next = max(next, first+1); next < len(code) && code[next].Symbol() == ""; {
				next++
			}
			lengths[name] = next - first
			if !yield(name, code[first:next]) {
				return
			}
			first = next
		}
	}
}

// relocate adapts instructions to where this kernel has the members of its types.
func (l *loader) relocate(list []*prepared) error {
	var relocations []*btf.CORERelocation
	// relocated are the instructions of each of them. Many read the same member, and to find
	// it takes long.
	var relocated [][]*asm.Instruction
	known := make(map[string]int)
	for _, fn := range list {
		for i := range fn.source {
			relocation := btf.CORERelocationMetadata(&fn.source[i])
			if relocation == nil {
				continue
			}
			text := relocation.String() // has all that there is to it
			at, ok := known[text]
			if !ok {
				at = len(relocations)
				known[text] = at
				relocations, relocated = append(relocations, relocation), append(relocated, nil)
			}
			relocated[at] = append(relocated[at], &fn.source[i])
		}
	}
	if len(relocations) == 0 {
		return nil
	}
	fixups, err := btf.CORERelocate(relocations, []*btf.Spec{l.types.Spec}, order, l.described.Add)
	if err != nil {
		return err
	}
	for i, fixup := range fixups {
		for _, instruction := range relocated[i] {
			if err := fixup.Apply(instruction); err != nil {
				return err
			}
		}
	}
	return nil
}

// encode writes a function as the kernel takes it. Calls are left for link.
func (l *loader) encode(fn *prepared) error {
	described := btf.FuncMetadata(&fn.source[0])
	if described == nil {
		return errors.New("it has no BTF")
	}
	var err error
	if fn.typeID, err = l.described.Add(described); err != nil {
		return err
	}
	at := 0
	for i := range fn.source {
		ins := &fn.source[i]
		name := ins.Reference()
		switch {
		case ins.IsFunctionCall():
			fn.calls = append(fn.calls, functionCall{at, name})
			*ins = ins.WithReference("")
		case name != "" && ins.IsLoadFromMap():
			if l.maps[name] == nil {
				return fmt.Errorf("there is no map %s", name)
			}
			if err := ins.AssociateMap(l.maps[name]); err != nil {
				return err
			}
		}
		at += int(ins.Size()) / asm.InstructionSize
	}
	buf := bytes.NewBuffer(make([]byte, 0, fn.source.Size()))
	err = fn.source.Marshal(buf, order)
	fn.code = buf.Bytes()
	return err
}

// link puts the functions of a program together.
func (l *loader) link(spec *ebpf.ProgramSpec) (*image, error) {
	im := &image{spec: spec}
	starts := make(map[string]int)
	reached := l.reached(spec)
	for _, name := range l.parts[spec.Name] {
		if !reached[name] {
			continue
		}
		fn, start := l.functions[name], len(im.code)/asm.InstructionSize
		starts[name] = start
		im.functions = binary.NativeEndian.AppendUint32(im.functions, uint32(start))
		im.functions = binary.NativeEndian.AppendUint32(im.functions, uint32(fn.typeID))
		im.code = append(im.code, fn.code...)
	}
	for name, start := range starts {
		for _, c := range l.functions[name].calls {
			at := start + c.at
			instruction := im.code[at*asm.InstructionSize:][:asm.InstructionSize]
			if !reached[c.callee] {
				copy(instruction, returnsZero)
				continue
			}
			callee, ok := starts[c.callee]
			if !ok {
				return nil, fmt.Errorf("there is no function %s", c.callee)
			}
			const constant = 4 // where it is in an instruction
			binary.NativeEndian.PutUint32(instruction[constant:], uint32(callee-at-1))
		}
	}
	return im, im.find(l.types)
}

// returnsZero stands in the place of a call: r0 = 0.
var returnsZero = []byte{byte(asm.Mov.Op(asm.ImmSource)), 0, 0, 0, 0, 0, 0, 0}

// reached are the functions of a program that it needs.
func (l *loader) reached(spec *ebpf.ProgramSpec) map[string]bool {
	reached := map[string]bool{spec.Instructions[0].Symbol(): true}
	for next := slices.Collect(maps.Keys(reached)); len(next) > 0; next = next[1:] {
		fn := l.functions[next[0]]
		if fn == nil {
			continue // link says so
		}
		for _, c := range fn.calls {
			if !reached[c.callee] && !l.unneeded(spec.Name, c.callee) {
				reached[c.callee] = true
				next = append(next, c.callee)
			}
		}
	}
	return reached
}

// find looks up what the program attaches to. A kprobe finds that by itself.
func (im *image) find(types *vmlinux.Types) (err error) {
	name := im.spec.AttachTo
	switch {
	case im.spec.Type == ebpf.Kprobe:
	case im.spec.Type != ebpf.Tracing:
		err = errors.ErrUnsupported
	case im.spec.AttachType == ebpf.AttachTraceRawTp:
		im.target, err = types.Tracepoint(name)
	case im.spec.AttachType == ebpf.AttachTraceIter:
		im.target, err = types.Function(iteratorPrefix + name)
	default:
		im.target, err = types.Function(name)
	}
	return err
}

// iteratorPrefix comes before the name of what is iterated over in that of the
// function that a program attaches to for it.
const iteratorPrefix = "bpf_iter_"

// loadAttr is what bpf(BPF_PROG_LOAD) takes: the part of union bpf_attr that is
// used here, which all kernels have that have a ring buffer.
type loadAttr struct {
	programType        uint32
	codeCount          uint32
	code               unsafe.Pointer
	license            unsafe.Pointer
	logLevel, logSize  uint32
	log                unsafe.Pointer
	kernelVersion      uint32
	flags              uint32
	name               [16]byte
	ifindex            uint32
	expectedAttachType uint32
	typesFD            uint32
	functionSize       uint32
	functions          unsafe.Pointer
	functionCount      uint32
	lineSize           uint32
	lines              unsafe.Pointer
	lineCount          uint32
	targetID           uint32
	targetFD           uint32
	_                  uint32
}

// functionSize is the size of struct bpf_func_info.
const functionSize = 8

// attempts bounds how often a program is given to a kernel that was interrupted.
const attempts = 30

func (im *image) load(types int) (*ebpf.Program, error) {
	license := append([]byte(im.spec.License), 0)
	attr := loadAttr{
		programType: uint32(im.spec.Type), codeCount: uint32(len(im.code) / asm.InstructionSize),
		code: unsafe.Pointer(unsafe.SliceData(im.code)), license: unsafe.Pointer(unsafe.SliceData(license)),
		flags: im.spec.Flags, expectedAttachType: uint32(im.spec.AttachType), typesFD: uint32(types),
		functionSize: functionSize, functions: unsafe.Pointer(unsafe.SliceData(im.functions)),
		functionCount: uint32(len(im.functions) / functionSize), targetID: uint32(im.target),
	}
	copy(attr.name[:len(attr.name)-1], im.spec.Name)
	for range attempts {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		runtime.KeepAlive(im)
		switch errno {
		case 0:
			return ebpf.NewProgramFromFD(int(fd))
		case unix.EAGAIN, unix.EINTR: // by a signal, as the Go runtime sends itself
		default:
			return nil, fmt.Errorf("load %s: %w", im.spec.Name, errno)
		}
	}
	return nil, fmt.Errorf("load %s: %w", im.spec.Name, unix.EAGAIN)
}

// loadPicked loads programs against the types that were picked.
func (coll *collection) loadPicked(names []string) error {
	if coll.types == nil {
		return errNoTypes
	}
	specs := make([]*ebpf.ProgramSpec, len(names))
	for i, name := range names {
		spec, err := coll.program(name)
		if err != nil {
			return err
		}
		specs[i] = spec
	}
	described, err := btf.NewBuilder(nil, nil)
	if err != nil {
		return err
	}
	l := &loader{maps: coll.maps, types: coll.types, described: described, unneeded: coll.unneeded}
	programs, err := l.load(specs)
	if err != nil {
		return err
	}
	for i, name := range names {
		coll.programs[name] = programs[i]
	}
	return nil
}

// Functions that take in an exec, and the end of a process.
const (
	takeExec = "take_exec"
	takeEnd  = "take_end"
)

// unneeded reports whether a program can do without a function. Any program that meets a
// process makes up for a run of the probe on exec that was left out, and those on releases
// for one of the probe on exit. A kernel that is not preempted leaves out none.
func (coll *collection) unneeded(program, function string) bool {
	switch function {
	case takeExec:
		return program != bpfProgProcessExec && !coll.set.preempts
	case takeEnd:
		return !coll.set.preempts
	default:
		return false
	}
}

// errNoTypes says that a program is loaded late.
var errNoTypes = errors.New("the kernel's types were given back")

// typesOf picks those of the kernel's types that programs name: what they attach
// to, the targets, and what they read.
func typesOf(spec *ebpf.CollectionSpec, targets []string) (*vmlinux.Types, error) {
	var names []string
	for typ, err := range spec.Types.All() {
		if err != nil {
			return nil, err
		}
		if name, _, _ := strings.Cut(typ.TypeName(), flavour); name != "" {
			names = append(names, name)
		}
	}
	for _, target := range targets {
		names = append(names, target, vmlinux.TracepointPrefix+target, iteratorPrefix+target)
	}
	var modules []string
	for _, g := range groups {
		if g.module != "" && kernel.HasModuleBTF(g.module) {
			modules = append(modules, g.module)
		}
	}
	types, err := kernel.Types(names, modules...)
	if errors.Is(err, fs.ErrPermission) {
		return kernel.Types(names) // what modules would tell is left out
	}
	return types, err
}

// flavour begins the part of a type's name that relocations leave out.
const flavour = "___"
