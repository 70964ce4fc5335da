package probe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
)

// parseObject reads those of the compiled programs that are wanted, by name. To
// read the others takes as long, and most runs need none of them. It also returns
// what all of them attach to.
func parseObject(wanted func(program string) bool) (spec *ebpf.CollectionSpec, targets []string, err error) {
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
	keep := make(map[elf.SectionIndex]bool)
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
		}
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
		spec, _, err := parseObject(func(string) bool { return true })
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
