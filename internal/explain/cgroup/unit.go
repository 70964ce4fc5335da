package cgroup

import (
	"strconv"
	"strings"
)

// unitNameMax is the length of the longest unit name, systemd's UNIT_NAME_MAX
// without the closing NUL.
const unitNameMax = 255

// rootSlice is the slice of everything that is in no other.
const rootSlice = "-.slice"

// unitTypes are the suffixes that make a name a unit's. Few of them ever have
// a cgroup, but systemd's own check accepts all.
var unitTypes = map[string]bool{
	"service": true, "socket": true, "target": true, "device": true,
	"mount": true, "automount": true, "swap": true, "timer": true,
	"path": true, "slice": true, "scope": true,
}

// decodeUnit returns the name of the unit that the cgroup called component
// belongs to, or "" if that is not the name of a unit: a template without
// instance ("getty@.service") is none.
func decodeUnit(component string) string {
	if len(component) < 3 {
		return ""
	}
	// A single leading underscore keeps a unit's name apart from the kernel's
	// own files ("_cpu.service", "__foo.service").
	name := strings.TrimPrefix(component, "_")
	if !validUnit(name) {
		return ""
	}
	return name
}

// validUnit reports whether name is a plain unit or an instance of a template.
func validUnit(name string) bool {
	if len(name) > unitNameMax {
		return false
	}
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 || !unitTypes[name[dot+1:]] {
		return false
	}
	stem := name[:dot]
	for i := range len(stem) {
		if !validUnitByte(stem[i]) {
			return false
		}
	}
	at := strings.IndexByte(stem, '@')
	return at != 0 && at != len(stem)-1
}

func validUnitByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte(":-_.\\@", c) >= 0
}

// decodeSlice is decodeUnit for slices, which have no instances.
func decodeSlice(component string) string {
	if !strings.HasSuffix(component, ".slice") || len(component) < len("x.slice") {
		return ""
	}
	name := decodeUnit(component)
	if strings.IndexByte(name, '@') >= 0 {
		return ""
	}
	return name
}

// cutUnit reads leading slices and then one unit from the front of path. It
// returns the innermost of the slices ("-.slice" if there is none), the unit
// or "" if none follows, that unit's cgroup name as it stands in the path, and
// what lies below it.
func cutUnit(path string) (slice, unit, component, rest string) {
	slice = rootSlice
	for {
		component, rest = cutComponent(path)
		name := decodeSlice(component)
		if name == "" {
			break
		}
		slice, path = name, rest
	}
	unit = decodeUnit(component)
	if strings.HasSuffix(unit, ".slice") {
		// A slice that cannot be one (an instance): not a unit either.
		unit = ""
	}
	return slice, unit, component, rest
}

// cutComponent splits the first component off a path. Repeated slashes count
// as one; component is "" when nothing is left.
func cutComponent(path string) (component, rest string) {
	path = strings.TrimLeft(path, "/")
	i := strings.IndexByte(path, '/')
	if i < 0 {
		return path, ""
	}
	return path[:i], path[i:]
}

// sessionOf returns the id in "session-ID.scope", "" for any other unit.
func sessionOf(unit string) string {
	id, ok := between(unit, "session-", ".scope")
	if !ok || !all(id, isAlnum) {
		return ""
	}
	return id
}

// userManager reports whether unit is a manager of units itself, and whose:
// user@UID.service of that user, capsule@NAME.service of none.
func userManager(unit string) (uid uint32, hasUID, ok bool) {
	if s, found := between(unit, "user@", ".service"); found {
		uid, ok = parseUID(s)
		return uid, ok, ok
	}
	name, found := between(unit, "capsule@", ".service")
	return 0, false, found && name != ""
}

// sliceOwner returns the uid in "user-UID.slice".
func sliceOwner(slice string) (uint32, bool) {
	s, ok := between(slice, "user-", ".slice")
	if !ok {
		return 0, false
	}
	return parseUID(s)
}

// parseUID reads a user id in plain decimal. The two ids that mean "none" (all
// bits set, in 16 and in 32 bits) are none, as in systemd.
func parseUID(s string) (uint32, bool) {
	if s == "" || !all(s, isDigit) || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0xffff || n == 0xffffffff {
		return 0, false
	}
	return uint32(n), true
}

// unescape turns the \xNN sequences with which systemd writes bytes that a
// unit name may not hold back into those bytes: "machine-my\x2dbox.scope"
// becomes "machine-my-box.scope". Anything else stays, the "-" that stands for
// "/" in names made from paths included, since a name doesn't tell whether it
// was made from one. The result is for showing; it may hold any byte.
func unescape(name string) string {
	if !strings.Contains(name, `\x`) {
		return name
	}
	var b strings.Builder
	b.Grow(len(name))
	for i := 0; i < len(name); i++ {
		if c, ok := hexEscape(name[i:]); ok {
			b.WriteByte(c)
			i += len(`\x2d`) - 1
			continue
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// hexEscape decodes a \xNN at the front of s.
func hexEscape(s string) (byte, bool) {
	if len(s) < len(`\x2d`) || s[0] != '\\' || s[1] != 'x' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:4], 16, 8)
	return byte(n), err == nil
}

// between returns what stands between prefix and suffix in s, if s has both
// and they don't overlap.
func between(s, prefix, suffix string) (string, bool) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, suffix)
}

// all reports whether s is not empty and each of its bytes is in the class.
func all(s string, class func(byte) bool) bool {
	for i := range len(s) {
		if !class(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLowerHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' }

func isAlnum(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isLowerAlnum(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'z' }
