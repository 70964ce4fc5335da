package systemd

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

// properties are a unit's, by name. Missing ones, and those of an unexpected
// type, read as zero. They differ between versions of systemd, and a user's
// manager may say anything.
type properties map[string]dbuswire.Arg

// take keeps the answer to getProperty.
func (p properties) take(ctx context.Context, s *session, serial uint32, name string, room *room) error {
	raw, err := s.reply(ctx, serial)
	if err != nil {
		return fmt.Errorf("property %s: %w", name, err)
	}
	arg, ok, err := dbuswire.Property(raw, &room.Room)
	if err != nil {
		return fmt.Errorf("property %s: %w", name, err)
	}
	if ok {
		p[name] = arg
	}
	return nil
}

// readAll reads the answer to getAll.
func readAll(raw []byte, name string, room *room) (properties, error) {
	_, own := propertiesOf(name)
	return dbuswire.Properties(raw, func(property string) bool {
		return unitProperty[property] || slices.Contains(own, property)
	}, &room.Room)
}

func (p properties) typed(name, signature string) dbuswire.Arg {
	if a := p[name]; a.Signature == signature {
		return a
	}
	return dbuswire.Arg{}
}

func (p properties) str(name string) string    { return p.typed(name, "s").Text }
func (p properties) strs(name string) []string { return p.typed(name, "as").Texts }

// listens are the paths of the unix sockets that take connections, of those that a socket
// unit listens on (src/core/dbus-socket.c, property_get_listen).
func (p properties) listens() []string {
	var paths []string
	for pair := range slices.Chunk(p.typed("Listen", dbuswire.Pairs).Texts, 2) {
		if kind, address := pair[0], pair[1]; (kind == "Stream" || kind == "SequentialPacket") && path.IsAbs(address) {
			paths = append(paths, address)
		}
	}
	return paths
}

func (p properties) u64(name string) uint64 { return p.typed(name, "t").Number }
func (p properties) u32(name string) uint32 { return uint32(p.typed(name, "u").Number) }
func (p properties) bool(name string) bool  { return p.typed(name, "b").Number != 0 }

// unitProperty are those that newUnit takes of the interface that all units have.
var unitProperty = func() map[string]bool {
	all := make(map[string]bool)
	for _, name := range append([]string{
		"Id", "Names", "LoadState", "ActiveState", "SubState", "Transient", "FragmentPath", "DropInPaths",
		"NeedDaemonReload", "JoinsNamespaceOf", "TriggeredBy", stateChange, "ConditionTimestampMonotonic",
		"InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic", "InactiveEnterTimestampMonotonic",
	}, dependencies...) {
		all[name] = true
	}
	return all
}()

// dependencies are the properties that name the units which can start a unit:
// by a start job that pulls it in, by being restarted (PartOf), or by their own outcome.
// What has Requisite= of a unit never starts it, nor does what is a part of it
// (src/core/unit-dependency-atom.c).
var dependencies = []string{
	"RequiredBy", "WantedBy", "BoundBy", "UpheldBy", "PartOf", "OnSuccessOf", "OnFailureOf",
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
	".socket":    {"Socket", append([]string{"Listen"}, execProperties...)},
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
		Transient:        p.bool("Transient"),
		FragmentPath:     p.str("FragmentPath"),
		DropInPaths:      p.strs("DropInPaths"),
		NeedDaemonReload: p.bool("NeedDaemonReload"),
		BusName:          p.str("BusName"),
		ControlGroupID:   p.u64("ControlGroupId"),
		MainPID:          p.u32("MainPID"),

		PrivateNetwork:       p.bool("PrivateNetwork"),
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
	u.Listens = p.listens()
	for _, d := range dependencies {
		for _, name := range p.strs(d) {
			u.Dependents = append(u.Dependents, event.UnitDependent{Name: name, Dependency: d})
		}
	}
	u.Type = p.str("Type")
	u.Restart = p.str("Restart")
	u.NRestarts = p.u32("NRestarts")
}

func setTimes(u *event.UnitState, p properties) {
	u.LastTriggerUS = p.u64("LastTriggerUSecMonotonic")
	u.StateChangeUS = p.u64(stateChange)
	u.ConditionUS = p.u64("ConditionTimestampMonotonic")
	u.InactiveExitUS = p.u64("InactiveExitTimestampMonotonic")
	u.ActiveEnterUS = p.u64("ActiveEnterTimestampMonotonic")
	u.InactiveEnterUS = p.u64("InactiveEnterTimestampMonotonic")
}
