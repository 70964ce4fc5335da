package systemd

import (
	"path"

	"github.com/godbus/dbus/v5"
	"github.com/nsblame/nsblame/internal/event"
)

// properties are a unit's, by name. Missing ones, and those of an unexpected
// type, read as zero. They differ between versions of systemd, and a user's
// manager may say anything.
type properties map[string]dbus.Variant

// get returns the property's value if it is of the type asked for.
func get[T any](p properties, name string) T {
	v, _ := p[name].Value().(T)
	return v
}

func (p properties) str(name string) string    { return get[string](p, name) }
func (p properties) strs(name string) []string { return get[[]string](p, name) }
func (p properties) u64(name string) uint64    { return get[uint64](p, name) }

// dependencies are the properties that name the units which can start a unit:
// by a start job that pulls it in, or by their own outcome.
var dependencies = []string{
	"RequiredBy", "RequisiteOf", "WantedBy", "BoundBy", "UpheldBy",
	"ConsistsOf", "OnSuccessOf", "OnFailureOf",
}

// stateChange is the property that is set anew with each change of a unit's state.
const stateChange = "StateChangeTimestampMonotonic"

// cgroupProperties are those of units that have a cgroup, execProperties those
// of units that run processes of their own.
var (
	cgroupProperties = []string{"Slice", "ControlGroup", "ControlGroupId"}
	execProperties   = append([]string{"PrivateNetwork", "NetworkNamespacePath", "Result"}, cgroupProperties...)
)

// typeProperties are the properties that newUnit takes of the interface of a
// unit's type, which is named after what the unit's name ends in.
var typeProperties = map[string]struct {
	ifc   string
	names []string
}{
	".service": {"Service", append([]string{
		"BusName", "MainPID", "Type", "Restart", "NRestarts", "ExecMainCode", "ExecMainStatus",
	}, execProperties...)},
	".socket":    {"Socket", execProperties},
	".mount":     {"Mount", append([]string{"Type"}, execProperties...)},
	".swap":      {"Swap", execProperties},
	".scope":     {"Scope", append([]string{"Result"}, cgroupProperties...)},
	".slice":     {"Slice", cgroupProperties},
	".timer":     {"Timer", []string{"LastTriggerUSecMonotonic", "Result"}},
	".path":      {"Path", []string{"Result"}},
	".automount": {"Automount", []string{"Result"}},
}

// propertiesOf returns the interface and those of its properties that are asked
// for of a unit with that name.
func propertiesOf(name string) (ifc string, names []string) {
	of := typeProperties[path.Ext(name)]
	return "org.freedesktop.systemd1." + of.ifc, of.names
}

// newUnit takes the properties of org.freedesktop.systemd1.Unit and of the
// interface of its type (src/core/dbus-unit.c, dbus-service.c, dbus-execute.c,
// dbus-timer.c).
func newUnit(p properties) event.UnitState {
	u := event.UnitState{
		Name:             p.str("Id"),
		Names:            p.strs("Names"),
		LoadState:        p.str("LoadState"),
		SubState:         p.str("SubState"),
		Transient:        get[bool](p, "Transient"),
		FragmentPath:     p.str("FragmentPath"),
		DropInPaths:      p.strs("DropInPaths"),
		NeedDaemonReload: get[bool](p, "NeedDaemonReload"),
		BusName:          p.str("BusName"),
		ControlGroupID:   p.u64("ControlGroupId"),
		MainPID:          get[uint32](p, "MainPID"),

		PrivateNetwork:       get[bool](p, "PrivateNetwork"),
		NetworkNamespacePath: p.str("NetworkNamespacePath"),
		JoinsNamespaceOf:     p.strs("JoinsNamespaceOf"),
	}
	setStart(&u, p)
	setTimes(&u, p)
	return u
}

// setStart takes the properties about how the unit is started.
func setStart(u *event.UnitState, p properties) {
	u.TriggeredBy = p.strs("TriggeredBy")
	for _, d := range dependencies {
		for _, name := range p.strs(d) {
			u.Dependents = append(u.Dependents, event.UnitDependent{Name: name, Dependency: d})
		}
	}
	u.Type = p.str("Type")
	u.Restart = p.str("Restart")
	u.NRestarts = get[uint32](p, "NRestarts")
}

func setTimes(u *event.UnitState, p properties) {
	u.LastTriggerUS = p.u64("LastTriggerUSecMonotonic")
	u.StateChangeUS = p.u64(stateChange)
	u.ConditionUS = p.u64("ConditionTimestampMonotonic")
	u.InactiveExitUS = p.u64("InactiveExitTimestampMonotonic")
	u.ActiveEnterUS = p.u64("ActiveEnterTimestampMonotonic")
	u.InactiveEnterUS = p.u64("InactiveEnterTimestampMonotonic")
}
