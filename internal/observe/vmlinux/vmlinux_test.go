package vmlinux

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// files are what a kernel offers, by name.
type files map[string][]byte

func (f files) read(name string) ([]byte, error) {
	raw, ok := f[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return raw, nil
}

// kernelTypes are a structure with all that it can be made of, two functions of
// the same name, and one other.
func kernelTypes(t *testing.T) []byte {
	t.Helper()
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	inner := &btf.Struct{Name: "inner", Size: 8, Members: []btf.Member{
		{Name: "a", Type: number}, {Name: "b", Type: number, Offset: 32, BitfieldSize: 3},
	}}
	choice := &btf.Union{Size: 8, Members: []btf.Member{
		{Name: "own", Type: &btf.Pointer{Target: inner}}, {Name: "whole", Type: &btf.Const{Type: inner}},
	}}
	outer := &btf.Struct{Name: "outer", Size: 32, Members: []btf.Member{
		{Type: choice},
		{Name: "list", Type: &btf.Array{Index: number, Type: &btf.Typedef{Name: "inner_t", Type: inner}, Nelems: 2}, Offset: 64},
		{Name: "kind", Type: &btf.Enum{Name: "kind", Size: 4, Values: []btf.EnumValue{{Name: "ONE", Value: 1}}}, Offset: 192},
	}}
	proto := &btf.FuncProto{Return: number}
	builder, err := btf.NewBuilder([]btf.Type{
		&btf.Struct{Name: "unasked", Size: 4, Members: []btf.Member{{Name: "x", Type: number}}}, outer,
		&btf.Func{Name: "twice", Type: proto}, &btf.Func{Name: "twice", Type: &btf.FuncProto{Return: (*btf.Void)(nil)}},
		&btf.Func{Name: "once", Type: proto},
		&btf.Typedef{Name: "btf_trace_point", Type: &btf.Pointer{Target: proto}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := builder.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestPick(t *testing.T) {
	raw := kernelTypes(t)
	whole, err := btf.LoadSplitSpecFromReader(bytes.NewReader(raw), nil)
	if err != nil {
		t.Fatal(err)
	}
	types, err := Pick(files{"vmlinux": raw}.read, []string{"outer", "twice", "once", "btf_trace_point", "absent", "x"})
	if err != nil {
		t.Fatal(err)
	}
	var got, want *btf.Struct
	if err := errors.Join(types.Spec.TypeByName("outer", &got), whole.TypeByName("outer", &want)); err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprint(outline(got, nil)), fmt.Sprint(outline(want, nil)); a != b {
		t.Errorf("outer is %s, want %s", a, b)
	}
	var other *btf.Struct
	if err := types.Spec.TypeByName("unasked", &other); !errors.Is(err, btf.ErrNotFound) {
		t.Errorf("what was not asked for: %v", err)
	}
	var once *btf.Func
	if err := whole.TypeByName("once", &once); err != nil {
		t.Fatal(err)
	}
	wantID, _ := whole.TypeID(once)
	if id, err := types.Function("once"); err != nil || id != wantID {
		t.Errorf("once is %d (%v), want %d", id, err, wantID)
	}
	if _, err := types.Tracepoint("point"); err != nil {
		t.Errorf("tracepoint: %v", err)
	}
	if _, err := types.Function("twice"); !errors.Is(err, btf.ErrMultipleMatches) {
		t.Errorf("a function that there are two of: %v", err)
	}
	for _, name := range []string{"absent", "point", "outer"} {
		if _, err := types.Function(name); !errors.Is(err, btf.ErrNotFound) {
			t.Errorf("function %s: %v", name, err)
		}
	}
}

// TestPickOfModule has a module's structure, of a type of the kernel's, stand
// beside what the kernel knows of it.
func TestPickOfModule(t *testing.T) {
	kernel := kernelTypes(t)
	whole, err := btf.LoadSplitSpecFromReader(bytes.NewReader(kernel), nil)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := whole.AnyTypeByName("inner")
	if err != nil {
		t.Fatal(err)
	}
	id, err := whole.TypeID(inner)
	if err != nil {
		t.Fatal(err)
	}
	stringsSize := binary.NativeEndian.Uint32(kernel[20:])
	names := "\x00ofmodule\x00of\x00"
	var types []byte
	for _, field := range []uint32{stringsSize + 1, kindStruct<<24 | 1, 8, stringsSize + 10, uint32(id), 0} {
		types = binary.NativeEndian.AppendUint32(types, field)
	}
	module := binary.NativeEndian.AppendUint16(nil, magic)
	module = append(module, 1, 0)
	for _, field := range []uint32{headerSize, 0, uint32(len(types)), uint32(len(types)), uint32(len(names))} {
		module = binary.NativeEndian.AppendUint32(module, field)
	}
	module = append(append(module, types...), names...)

	picked, err := Pick(files{"vmlinux": kernel, "mod": module}.read, []string{"ofmodule"}, "mod")
	if err != nil {
		t.Fatal(err)
	}
	var got *btf.Struct
	if err := picked.Spec.TypeByName("ofmodule", &got); err != nil {
		t.Fatal(err)
	}
	want := []part{{name: "ofmodule", size: 8}, {name: "of"}, {name: "inner", size: 8}}
	if a, b := fmt.Sprint(outline(got, nil)[:3]), fmt.Sprint(want); a != b {
		t.Errorf("got %s, want %s", a, b)
	}
}

// TestDamaged has BTF that is cut or changed anywhere end with an error at most.
func TestDamaged(t *testing.T) {
	raw := kernelTypes(t)
	names := []string{"outer", "once", "btf_trace_point"}
	for cut := range raw {
		_, _ = Pick(files{"vmlinux": raw[:cut]}.read, names)
		damaged := append([]byte(nil), raw...)
		damaged[cut] ^= 0xff
		_, _ = Pick(files{"vmlinux": damaged}.read, names)
	}
	if _, err := Pick(files{}.read, names); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
