package probe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
)

// detail says how much of the compiled programs is read.
type detail int

const (
	// brief leaves out which line of source each instruction is of.
	brief detail = iota
	// withLines is what the library needs to load programs.
	withLines
)

// parseObject reads those of the compiled programs that are wanted, by name. To
// read the others takes as long, and most runs need none of them. It also returns
// what all of them attach to.
func parseObject(how detail, wanted func(program string) bool) (spec *ebpf.CollectionSpec, targets []string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read the compiled BPF programs: %w", err)
		}
	}()
	raw := bytes.Clone(_BpfBytes)
	file, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, err
	}
	symbols, err := file.Symbols()
	if err != nil {
		return nil, nil, err
	}
	keep, hidden := make(map[elf.SectionIndex]bool), make(map[string]bool)
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && wanted(s.Name) {
			keep[s.Section] = true
		}
	}
	for i, section := range file.Sections {
		_, target, isProgram := strings.Cut(section.Name, "/")
		if section.Flags&elf.SHF_EXECINSTR == 0 || !isProgram {
			continue // .text has what programs share
		}
		targets = append(targets, target)
		if !keep[elf.SectionIndex(i)] {
			hide(raw, i)
			hidden[section.Name] = true
		}
	}
	if types, ext := file.Section(".BTF"), file.Section(".BTF.ext"); types != nil && ext != nil {
		of := extInfo{raw[ext.Offset:][:ext.Size], raw[types.Offset:][:types.Size]}
		if how == brief {
			of.hideLines()
		}
		of.hideSections(hidden)
	}
	spec, err = ebpf.LoadCollectionSpecFromReader(bytes.NewReader(raw))
	return spec, targets, err
}

// hide has a section of an ELF file of 64 bits be none of instructions, so that
// the library passes it by.
func hide(raw []byte, section int) {
	order := binary.LittleEndian // of both architectures
	const headers, headerSize, flags = 0x28, 0x3a, 8
	at := order.Uint64(raw[headers:]) + uint64(section)*uint64(order.Uint16(raw[headerSize:])) + flags
	order.PutUint64(raw[at:], order.Uint64(raw[at:])&^uint64(elf.SHF_EXECINSTR))
}

// extInfo is a section .BTF.ext, and the section .BTF that it refers to: struct
// btf_ext_header and struct btf_header (Documentation/bpf/btf.rst).
type extInfo struct{ raw, types []byte }

// The places in the headers of what follows them: an offset and a length each.
const (
	headerLength  = 4
	functionInfo  = 8
	lineInfo      = 16
	relocations   = 24
	btfStrings    = 16
	extHeaderSize = 32
)

// hideLines has it tell of no lines of source. There are some for each program, and only
// the log of a verifier that refuses it shows them.
func (e extInfo) hideLines() {
	const sizeOfEach = 4 // comes first
	binary.LittleEndian.PutUint32(e.raw[lineInfo+4:], sizeOfEach)
}

// hideSections has it tell nothing of sections that are not read.
func (e extInfo) hideSections(hidden map[string]bool) {
	parts := []int{functionInfo, relocations}
	if binary.LittleEndian.Uint32(e.raw[headerLength:]) < extHeaderSize {
		parts = parts[:1] // there are no relocations
	}
	for _, part := range parts {
		kept := e.keepSections(e.follows(e.raw, part), hidden)
		binary.LittleEndian.PutUint32(e.raw[part+4:], kept)
	}
}

// keepSections moves what there is about other sections to the front, and returns its
// length.
func (e extInfo) keepSections(info []byte, hidden map[string]bool) uint32 {
	if len(info) < 4 {
		return uint32(len(info))
	}
	const header = 8 // a name and a number
	names, size := e.follows(e.types, btfStrings), int(binary.LittleEndian.Uint32(info))
	kept := 4
	for at := kept; at+header <= len(info); {
		name, _, _ := bytes.Cut(names[binary.LittleEndian.Uint32(info[at:]):], []byte{0})
		next := at + header + size*int(binary.LittleEndian.Uint32(info[at+4:]))
		if !hidden[string(name)] {
			kept += copy(info[kept:], info[at:next])
		}
		at = next
	}
	return uint32(kept)
}

// follows returns what follows a header, of which part is the place.
func (e extInfo) follows(header []byte, part int) []byte {
	u32 := binary.LittleEndian.Uint32
	from := u32(header[headerLength:]) + u32(header[part:])
	return header[from:][:u32(header[part+4:])]
}

// firstChoice returns the names of all programs by the method that is tried first
// for each.
func (coll *collection) firstChoice() map[string]bool {
	names := map[string]bool{bpfProgProcessesBefore: true}
	for _, g := range coll.groups() {
		for _, choice := range append([]group{g}, g.or...) {
			for _, name := range choice.by(coll.methods(choice)[0]) {
				names[name] = true
			}
		}
	}
	return names
}

// program returns a program as it was compiled. One that was not wanted at first
// is read now, with all others.
func (coll *collection) program(name string) (*ebpf.ProgramSpec, error) {
	if coll.spec.Programs[name] == nil && !coll.whole {
		spec, _, err := parseObject(brief, func(string) bool { return true })
		if err != nil {
			return nil, err
		}
		coll.whole = true
		for name, program := range spec.Programs {
			if coll.spec.Programs[name] == nil {
				coll.spec.Programs[name] = program
			}
		}
	}
	program := coll.spec.Programs[name]
	if program == nil {
		return nil, fmt.Errorf("there is no BPF program %s", name)
	}
	return program, nil
}
