package vmlinux

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// Reader returns the content of one of the files in which the kernel offers BTF
// (/sys/kernel/btf): its own or that of a module.
type Reader func(file string) ([]byte, error)

// kernelFile is the file of the kernel's own types.
const kernelFile = "vmlinux"

// Types are those types of a kernel, and of some of its modules, that have
// certain names.
type Types struct {
	// Spec has what programs can be relocated against: structures, unions,
	// enumerations, and what those are made of. What a pointer leads to is left
	// out. The identities are its own.
	Spec *btf.Spec
	// ids are the kernel's own identities of what programs attach to.
	ids map[target]btf.TypeID
}

// target is something that a program attaches to.
type target struct {
	kind uint32
	name string
}

// Pick reads the types that have one of the names. A tracepoint's is the one
// with btf_trace_ before it.
func Pick(read Reader, names []string, modules ...string) (*Types, error) {
	set := newNameSet(names)
	kernel, err := readImage(read, kernelFile, nil, set)
	if err != nil {
		return nil, err
	}
	images := []*image{kernel}
	for _, module := range modules {
		im, err := readImage(read, filepath.Base(module), kernel, set)
		if err != nil {
			return nil, err
		}
		images = append(images, im)
	}
	spec, err := relocatables(images)
	if err != nil {
		return nil, fmt.Errorf("put the kernel's types together: %w", err)
	}
	return &Types{Spec: spec, ids: kernel.targets()}, nil
}

func readImage(read Reader, file string, base *image, names *nameSet) (*image, error) {
	raw, err := read(file)
	if err != nil {
		return nil, err
	}
	im, err := newImage(raw, base, names)
	if err != nil {
		return nil, fmt.Errorf("read the types in %s: %w", file, err)
	}
	return im, nil
}

// relocatables puts the types of all images into one BTF.
func relocatables(images []*image) (*btf.Spec, error) {
	s := newSubset()
	for _, im := range images {
		for _, id := range im.found {
			r, _, err := im.at(id)
			if err != nil {
				return nil, err
			}
			if !relocatable(r.kind()) {
				continue
			}
			if err := s.add(im, id); err != nil {
				return nil, err
			}
		}
	}
	return btf.LoadSpecFromReader(bytes.NewReader(s.raw()))
}

// targets are the functions and typedefs that were found, 0 where there are
// several.
func (im *image) targets() map[target]btf.TypeID {
	ids := make(map[target]btf.TypeID)
	for _, id := range im.found {
		r, _, err := im.at(id)
		if err != nil || !slices.Contains([]uint32{kindFunc, kindTypedef}, r.kind()) {
			continue
		}
		t := target{r.kind(), im.text(r.name)}
		if _, twice := ids[t]; twice {
			ids[t] = 0
			continue
		}
		ids[t] = btf.TypeID(id)
	}
	return ids
}

// Function returns the kernel's identity of a function of its own. The error is
// btf.ErrNotFound if it has none of that name among those that were picked, and
// btf.ErrMultipleMatches if it has several.
func (t *Types) Function(name string) (btf.TypeID, error) { return t.target(kindFunc, name) }

// Tracepoint is likewise about a tracepoint.
func (t *Types) Tracepoint(name string) (btf.TypeID, error) {
	return t.target(kindTypedef, TracepointPrefix+name)
}

// TracepointPrefix comes before a tracepoint's name in the name of its type.
const TracepointPrefix = "btf_trace_"

func (t *Types) target(kind uint32, name string) (btf.TypeID, error) {
	switch id, ok := t.ids[target{kind, name}]; {
	case !ok:
		return 0, fmt.Errorf("%s: %w", name, btf.ErrNotFound)
	case id == 0:
		return 0, fmt.Errorf("%s: %w", name, btf.ErrMultipleMatches)
	default:
		return id, nil
	}
}
