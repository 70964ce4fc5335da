package dbuswire

import (
	"slices"
	"strconv"
	"strings"
)

// The names by which systemd and the bus are addressed.
const (
	BusName     = "org.freedesktop.DBus"
	SystemdName = "org.freedesktop.systemd1"

	busPath           = "/org/freedesktop/DBus"
	activatorIface    = "org.freedesktop.systemd1.Activator"
	managerPath       = "/org/freedesktop/systemd1"
	managerIface      = "org.freedesktop.systemd1.Manager"
	unitIface         = "org.freedesktop.systemd1.Unit"
	unitPathPrefix    = "/org/freedesktop/systemd1/unit/"
	activationRequest = "ActivationRequest"
	startByName       = "StartServiceByName"
)

// startCall says where a method that can start a unit has its arguments. An
// index is -1 where there is no such argument.
type startCall struct {
	signature string
	unit      int // -1: the object is the unit
	job       int // the type of job, where the method doesn't imply one
	mode      int
}

var managerCalls = map[string]startCall{
	"StartUnit":              {"ss", 0, -1, 1},
	"StartUnitWithFlags":     {"sst", 0, -1, 1},
	"StartUnitReplace":       {"sss", 1, -1, 2}, // argument 0 is the unit whose job is replaced
	"RestartUnit":            {"ss", 0, -1, 1},
	"TryRestartUnit":         {"ss", 0, -1, 1},
	"ReloadOrRestartUnit":    {"ss", 0, -1, 1},
	"ReloadOrTryRestartUnit": {"ss", 0, -1, 1},
	"StartTransientUnit":     {"ssa(sv)a(sa(sv))", 0, -1, 1},
	"EnqueueUnitJob":         {"sss", 0, 1, 2},
	// since systemd 262; systemctl calls it when it is given several units
	"EnqueueUnitJobMany": {"assst", 0, 1, 2},
}

var unitCalls = map[string]startCall{
	"Start":              {"s", -1, -1, 0},
	"Restart":            {"s", -1, -1, 0},
	"TryRestart":         {"s", -1, -1, 0},
	"ReloadOrRestart":    {"s", -1, -1, 0},
	"ReloadOrTryRestart": {"s", -1, -1, 0},
	"EnqueueJob":         {"ss", -1, 0, 1},
}

// otherManagerCalls and otherUnitCalls are methods that ask for jobs which start nothing.
var (
	otherManagerCalls = map[string]startCall{
		"StopUnit":   {"ss", 0, -1, 1},
		"ReloadUnit": {"ss", 0, -1, 1},
	}
	otherUnitCalls = map[string]startCall{
		"Stop":   {"s", -1, -1, 0},
		"Reload": {"s", -1, -1, 0},
	}
)

// startingJobs are the types of job that can start a unit.
var startingJobs = []string{
	"start", "restart", "try-restart", "reload-or-start", "reload-or-restart", "reload-or-try-restart",
}

// StartJob tells whether m asks a systemd manager for jobs that can start units. It
// returns the method's name, the units, and the mode of the jobs. Most methods take
// one unit. Units are as the caller named them, maybe by an alias. What was not
// captured is empty. A job whose type isn't known or wasn't captured is none, if it
// is of one unit.
//
// The manager is addressed by its well-known name, or by none at all as its
// private socket allows. Some clients write to the unique name of its owner:
// those of the manager at hand can be given as owners.
func StartJob(m *Message, owners ...string) (method string, units []string, mode string, ok bool) {
	if m.Type != MethodCall || m.HeaderTruncated || !toManager(m.Destination, owners) {
		return "", nil, "", false
	}
	call, ok := startCallOf(m)
	if !ok || m.Signature != call.signature || !call.starts(m) {
		return "", nil, "", false
	}
	if units, ok = call.units(m); !ok {
		return "", nil, "", false
	}
	mode, _ = textArg(m, call.mode)
	return m.Member, units, mode, true
}

// OtherJob tells whether m asks a systemd manager for jobs that start nothing, such as those
// to stop units. It returns the units as StartJob does.
func OtherJob(m *Message, owners ...string) (units []string, ok bool) {
	if m.Type != MethodCall || m.HeaderTruncated || !toManager(m.Destination, owners) {
		return nil, false
	}
	call, ok := otherCallOf(m)
	if !ok || m.Signature != call.signature {
		return nil, false
	}
	return call.units(m)
}

// otherCallOf is the call that m is, if it starts nothing. One whose type of job was not
// captured may start something.
func otherCallOf(m *Message) (call startCall, ok bool) {
	if call, ok = startCallOf(m); ok {
		return call, call.job >= 0 && call.job < len(m.Args) && !call.starts(m)
	}
	switch m.Interface {
	case managerIface:
		call, ok = otherManagerCalls[m.Member]
		return call, ok && m.Path == managerPath
	case unitIface:
		call, ok = otherUnitCalls[m.Member]
	}
	return call, ok
}

// JobType returns the type of job that m asks for, which StartJob says is one to
// start units. It is empty if it was not captured.
func JobType(m *Message) string {
	call, ok := startCallOf(m)
	if !ok {
		return ""
	}
	if call.job >= 0 {
		job, _ := textArg(m, call.job)
		return job
	}
	switch strings.TrimSuffix(m.Member, "Unit") {
	case "Restart":
		return "restart"
	case "TryRestart":
		return "try-restart"
	case "ReloadOrRestart":
		return "reload-or-restart"
	case "ReloadOrTryRestart":
		return "reload-or-try-restart"
	}
	return "start"
}

// jobPathPrefix begins the object path of a job (src/core/dbus-job.c, job_dbus_path).
const jobPathPrefix = "/org/freedesktop/systemd1/job/"

// RepliedJob returns the number of the job that a manager's answer to a call of
// StartJob names, 0 if none can be read. The answer is the job's path, or behind the
// number of the job more about it (src/core/dbus-unit.c, bus_unit_queue_job_one).
func RepliedJob(m *Message) uint64 {
	if m.Type != MethodReturn {
		return 0
	}
	for _, a := range m.Args[:min(2, len(m.Args))] {
		number, isJob := strings.CutPrefix(a.Text, jobPathPrefix)
		if a.Signature != "o" || !isJob {
			continue
		}
		id, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return 0
		}
		return id
	}
	return 0
}

// IsUnique reports whether a name is that of a connection: it is given by the bus, and
// never again to another one.
func IsUnique(name string) bool { return strings.HasPrefix(name, ":") }

// units returns the units that m names, none if they were not captured. It fails
// if it names none, or systemd would refuse a name.
func (c startCall) units(m *Message) (units []string, ok bool) {
	if c.several() {
		if c.unit >= len(m.Args) {
			return nil, true
		}
		units = m.Args[c.unit].Texts
		return units, len(units) > 0 && !slices.ContainsFunc(units, func(u string) bool { return !validUnit(u) })
	}
	var unit string
	if c.unit < 0 {
		unit, ok = unitFromPath(m.Path)
	} else {
		unit, ok = unitArg(m, c.unit)
	}
	if !ok || unit == "" {
		return nil, ok
	}
	return []string{unit}, true
}

// several reports whether the units are a list.
func (c startCall) several() bool { return c.unit >= 0 && strings.HasPrefix(c.signature, "as") }

func toManager(destination string, owners []string) bool {
	return destination == "" || destination == SystemdName || slices.Contains(owners, destination)
}

func startCallOf(m *Message) (call startCall, ok bool) {
	// systemd doesn't look a method up by its member alone.
	switch m.Interface {
	case managerIface:
		call, ok = managerCalls[m.Member]
		ok = ok && m.Path == managerPath
	case unitIface:
		call, ok = unitCalls[m.Member]
	}
	return call, ok
}

// starts tells whether the job that m asks for can start a unit.
func (c startCall) starts(m *Message) bool {
	if c.job < 0 {
		return true
	}
	job, captured := textArg(m, c.job)
	if !captured && c.several() {
		return true // the list before it was too long
	}
	return slices.Contains(startingJobs, job)
}

// ActivationRequest tells whether m is the signal by which the bus has systemd start
// the unit of a service. It returns the unit, often by an alias, and empty where the
// capture ends before it. Anyone can write such a message: it is the bus's only if
// the bus sent it.
func ActivationRequest(m *Message) (unit string, ok bool) {
	if m.Type != Signal || m.HeaderTruncated ||
		m.Path != busPath || m.Interface != activatorIface || m.Member != activationRequest ||
		m.Sender != BusName || m.Destination != SystemdName || m.Signature != "s" {
		return "", false
	}
	return unitArg(m, 0)
}

// WantedName tells whether m makes the bus start a service if its name has no owner.
// It returns that name, empty where the capture ends before it. Any call or signal to
// a well-known name does so, unless it says otherwise. So does the bus's own method
// StartServiceByName.
func WantedName(m *Message) (name string, ok bool) {
	if m.HeaderTruncated || m.Type != MethodCall && m.Type != Signal {
		return "", false
	}
	if m.Destination == BusName {
		return startedByName(m)
	}
	if m.Flags&NoAutoStart != 0 || !validWellKnownName(m.Destination) {
		return "", false
	}
	return m.Destination, true
}

// startedByName is the name that a call of StartServiceByName asks for.
func startedByName(m *Message) (name string, ok bool) {
	if m.Type != MethodCall || m.Member != startByName || m.Signature != "su" ||
		m.Interface != BusName && m.Interface != "" {
		return "", false
	}
	name, captured := textArg(m, 0)
	if captured && (name == BusName || !validWellKnownName(name)) {
		return "", false
	}
	return name, true
}

// textArg returns the text of an argument, and whether it was captured.
func textArg(m *Message, i int) (text string, captured bool) {
	if i >= len(m.Args) {
		return "", false
	}
	return m.Args[i].Text, true
}

// unitArg returns the unit that an argument names, empty if that was not
// captured. It fails if systemd would refuse the name.
func unitArg(m *Message, i int) (unit string, ok bool) {
	unit, captured := textArg(m, i)
	if captured && !validUnit(unit) {
		return "", false
	}
	return unit, true
}

// unitFromPath returns the name of the unit whose object path p is. It fails
// for the paths that stand for a unit without naming it: by invocation, and
// "self".
func unitFromPath(p string) (unit string, ok bool) {
	label, ok := strings.CutPrefix(p, unitPathPrefix)
	if !ok {
		return "", false
	}
	if unit = unescapeLabel(label); !validUnit(unit) {
		return "", false
	}
	return unit, true
}

// unescapeLabel undoes systemd's escaping of an element of an object path: an
// underscore and two hexadecimal digits stand for a byte. As in systemd, an
// underscore without them stands for itself.
func unescapeLabel(label string) string {
	var b strings.Builder
	for i := 0; i < len(label); i++ {
		if label[i] == '_' && i+2 < len(label) {
			high, ok1 := unhex(label[i+1])
			low, ok2 := unhex(label[i+2])
			if ok1 && ok2 {
				b.WriteByte(high<<4 | low)
				i += 2
				continue
			}
		}
		b.WriteByte(label[i])
	}
	return b.String()
}

func unhex(c byte) (n byte, ok bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// unitTypes are the suffixes of unit names.
var unitTypes = []string{
	"service", "socket", "target", "device", "mount", "automount", "swap", "timer", "path", "slice", "scope",
}

// validUnit tells whether a unit can have the name s, which leaves out the
// names of templates.
func validUnit(s string) bool {
	dot := strings.LastIndexByte(s, '.')
	if dot <= 0 || len(s) > maxName || !slices.Contains(unitTypes, s[dot+1:]) {
		return false
	}
	for i := range dot {
		if c := s[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte(`:-_.\@`, c) < 0 {
			return false
		}
	}
	at := strings.IndexByte(s[:dot], '@')
	return at != 0 && at != dot-1
}
