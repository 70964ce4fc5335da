package kernel

import (
	"bufio"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// ModuleState says where a part of the kernel that may be a module is.
type ModuleState string

// The states of a module.
const (
	// ModuleLoaded: it is loaded as a module.
	ModuleLoaded ModuleState = "loaded"
	// ModuleBuiltin: it is part of the kernel image.
	ModuleBuiltin ModuleState = "builtin"
	// ModuleAvailable: modprobe could load it.
	ModuleAvailable ModuleState = "available"
	// ModuleAbsent: this kernel has it in no form.
	ModuleAbsent ModuleState = "absent"
	// ModuleNotLoaded: it is neither loaded nor built in. Whether it could be
	// loaded cannot be seen from here (no /lib/modules in a container).
	ModuleNotLoaded ModuleState = "not loaded"
)

// Module returns the state of the module. Only the module defines the function,
// so a kernel image with the function has the module built in.
func Module(name, function string) ModuleState { return running().module(name, function) }

// HasModuleBTF reports whether the kernel offers BTF for a loaded module, as
// fentry programs on its functions need.
func HasModuleBTF(name string) bool { return running().hasModuleBTF(name) }

func (x *examiner) hasModuleBTF(name string) bool {
	_, err := fs.Stat(x.root, path.Join("sys/kernel/btf", name))
	return err == nil
}

func (x *examiner) module(name, function string) ModuleState {
	if x.isLoaded(name) {
		return ModuleLoaded
	}
	if x.isBuiltin(name, function) {
		return ModuleBuiltin
	}
	listed, err := x.isListed("modules.dep", name)
	switch {
	case listed:
		return ModuleAvailable
	case err == nil || !x.loadsModules():
		return ModuleAbsent
	}
	return ModuleNotLoaded
}

// isLoaded looks for initstate. A loaded module has it. A built-in one has a
// directory for its parameters, but no initstate.
func (x *examiner) isLoaded(name string) bool {
	_, err := fs.Stat(x.root, path.Join("sys/module", name, "initstate"))
	return err == nil
}

func (x *examiner) isBuiltin(name, function string) bool {
	if has, err := x.hasFunction(function); err == nil {
		return has
	}
	if listed, err := x.isListed("modules.builtin", name); err == nil {
		return listed
	}
	return x.inKallsyms(function)
}

// LoadsModules reports whether this kernel can load modules at all.
func LoadsModules() bool { return running().loadsModules() }

// loadsModules reports whether the kernel knows modules at all.
func (x *examiner) loadsModules() bool {
	_, err := fs.Stat(x.root, "proc/modules")
	return err == nil
}

// isListed looks the module up in a list of /lib/modules/RELEASE. The error is
// fs.ErrNotExist where there is no such list.
func (x *examiner) isListed(list, name string) (bool, error) {
	for _, dir := range []string{"lib/modules", "usr/lib/modules"} {
		data, err := fs.ReadFile(x.root, path.Join(dir, x.release, list))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		return listsModule(string(data), name), nil
	}
	return false, fs.ErrNotExist
}

// listsModule reads modules.dep ("kernel/a/b.ko.xz: kernel/a/c.ko.xz") and
// modules.builtin ("kernel/a/b.ko").
func listsModule(list, name string) bool {
	for line := range strings.Lines(list) {
		file, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		base, _, _ := strings.Cut(path.Base(file), ".ko")
		// File names may have a dash where the module's name has none.
		if strings.ReplaceAll(base, "-", "_") == name {
			return true
		}
	}
	return false
}

// inKallsyms reports whether the kernel image has the symbol. Symbols of
// modules carry the module's name in a fourth field.
func (x *examiner) inKallsyms(symbol string) bool {
	found := false
	x.eachSymbol(func(_, _, name, module string) bool {
		found = name == symbol && module == ""
		return !found
	})
	return found
}

// SymbolAddress returns the address of a module's symbol, 0 if there is none or
// addresses are hidden from this process.
func SymbolAddress(symbol, module string) uint64 { return running().symbolAddress(symbol, module) }

func (x *examiner) symbolAddress(symbol, module string) uint64 {
	var found uint64
	x.eachSymbol(func(address, _, name, in string) bool {
		if name != symbol || in != "["+module+"]" {
			return true
		}
		found, _ = strconv.ParseUint(address, 16, 64)
		return false
	})
	return found
}

// SymbolAt returns the name of the function of a module at an address, empty if
// there is none or addresses are hidden from this process.
func SymbolAt(address uint64, module string) string { return running().symbolAt(address, module) }

func (x *examiner) symbolAt(address uint64, module string) string {
	var found string
	x.eachSymbol(func(at, _, name, in string) bool {
		if in != "["+module+"]" {
			return true
		}
		if n, err := strconv.ParseUint(at, 16, 64); err == nil && n == address {
			found = name
		}
		return found == ""
	})
	return found
}

// eachSymbol calls f with address, type, name and module of each symbol until
// it returns false.
func (x *examiner) eachSymbol(f func(address, kind, name, module string) bool) {
	file, err := x.root.Open("proc/kallsyms")
	if err != nil {
		return
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 {
			continue
		}
		module := ""
		if len(fields) > 3 {
			module = fields[3]
		}
		if !f(fields[0], fields[1], fields[2], module) {
			return
		}
	}
}
