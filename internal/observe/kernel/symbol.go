package kernel

import (
	"strconv"
	"strings"
)

// Symbol is a function or a variable of the kernel by name.
type Symbol struct {
	// Name is its name.
	Name string
	// Module is the loaded module that it is in, empty for the kernel itself.
	Module string
}

// Symbols names what begins at those addresses. A name is absent if there is
// none, or if addresses are hidden from this process (kptr_restrict). It reads
// the whole list of symbols.
func Symbols(addresses []uint64) map[uint64]Symbol { return running().symbols(addresses) }

func (x *examiner) symbols(addresses []uint64) map[uint64]Symbol {
	asked := make(map[uint64]bool, len(addresses))
	for _, a := range addresses {
		asked[a] = a != 0
	}
	found := make(map[uint64]Symbol, len(addresses))
	x.eachSymbol(func(address, kind, name, module string) bool {
		a, err := strconv.ParseUint(address, 16, 64)
		if err != nil || !asked[a] {
			return true
		}
		// a mark (absolute, or the beginning of a section) is no function or
		// variable
		if _, known := found[a]; !known && !strings.ContainsAny(kind, "AaNn") {
			found[a] = Symbol{Name: name, Module: strings.Trim(module, "[]")}
		}
		return true
	})
	return found
}
