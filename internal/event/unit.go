package event

// SettingSource says where a setting comes from.
type SettingSource string

// The sources of settings.
const (
	// SettingFromFile: it is in a unit file.
	SettingFromFile SettingSource = "file"
	// SettingFromManager: the manager says so.
	SettingFromManager SettingSource = "manager"
)

// Manager is the kind of systemd instance that a unit belongs to.
type Manager string

// The managers of units.
const (
	// ManagerSystem is pid 1.
	ManagerSystem Manager = "system"
	// ManagerUser is a user's (or a capsule's) own manager.
	ManagerUser Manager = "user"
)

// UnitSetting is a setting of a unit that has to do with its network namespace.
type UnitSetting struct {
	// Name is PrivateNetwork, NetworkNamespacePath or JoinsNamespaceOf.
	Name string
	// Value is "yes" or "no" for PrivateNetwork. For the others it is as
	// written in File, specifiers included, or without a File as the manager
	// gives it.
	Value string
	// File is the path of the unit file or drop-in, empty if none has it.
	File string
	// Line is the line in File, from 1, on which the setting stands.
	Line int
	// Source is SettingFromFile for a file that somebody wrote, and
	// SettingFromManager for what only the manager has: the setting of a transient
	// unit (whose file the manager itself wrote), one that came in by the other
	// unit's JoinsNamespaceOf, or one whose file was changed since.
	Source SettingSource
}

// The settings that decide on a unit's network namespace
// (src/core/exec-invoke.c, exec_needs_network_namespace).
const (
	SettingPrivate = "PrivateNetwork"
	SettingPath    = "NetworkNamespacePath"
	SettingJoins   = "JoinsNamespaceOf"
)

// UnitDependent is a unit that brings another one up, or down and up again.
type UnitDependent struct {
	// Name is the unit that depends.
	Name string
	// Dependency is the manager's property that says how: RequiredBy, WantedBy,
	// BoundBy, UpheldBy, PartOf, OnSuccessOf or OnFailureOf. Recordings of before can
	// have RequisiteOf and ConsistsOf, which start nothing.
	Dependency string
}

// UnitState is what a manager knows of a unit at the time of the question. What
// the manager did not say is zero, as with an older systemd or another type of
// unit.
type UnitState struct {
	// Name is the unit's principal name (property Id).
	Name string
	// Names are all its names, Name included: aliases such as
	// dbus-org.freedesktop.hostname1.service are what others may call it.
	Names []string
	// Manager is whose unit it is.
	Manager Manager
	// OwnerUID is the user whose manager it is, with ManagerUser.
	OwnerUID uint32
	// LoadState is "loaded", "masked", "not-found", "bad-setting", …
	LoadState string
	// SubState is the state in terms of the type of unit: "running",
	// "auto-restart", "waiting", …
	SubState string
	// Transient is set for a unit made over D-Bus (systemd-run, sessions).
	Transient bool
	// FragmentPath is the unit file, empty for units without one.
	FragmentPath string
	// DropInPaths are the drop-ins, in the order in which they apply.
	DropInPaths []string
	// NeedDaemonReload is set when the files were changed since they were
	// loaded.
	NeedDaemonReload bool
	// BusName is what the service owns on the bus (BusName=).
	BusName string
	// ControlGroupID is the id of its cgroup, kernfs_node.id in the kernel. Zero
	// while it has none, before systemd 250 and with cgroup version 1. If it is
	// the one that the kernel saw, this is the run in question.
	ControlGroupID uint64
	// MainPID is the pid of the service's main process, 0 for none.
	MainPID uint32

	// PrivateNetwork is the setting as it is in force.
	PrivateNetwork bool
	// NetworkNamespacePath is the setting as it is in force.
	NetworkNamespacePath string
	// JoinsNamespaceOf are the units with which it shares a namespace, by its own
	// setting or by theirs.
	JoinsNamespaceOf []string
	// Settings is where these three are set, in the order of the files.
	Settings []UnitSetting
	// Problems says, for people, which files could not be read and why.
	Problems []string
	// Cut is set if the manager said more than was kept: names, dependents or
	// settings may be missing.
	Cut bool

	// TriggeredBy are the timer, socket, path and automount units that can
	// start it.
	TriggeredBy []string
	// Listens are the paths of the unix sockets on which a socket unit listens for
	// connections.
	Listens []string
	// LastTriggerUS is when a timer last elapsed.
	LastTriggerUS uint64
	// Dependents are the units that can have brought it up.
	Dependents []UnitDependent

	// Type is the service's type ("simple", "oneshot", …).
	Type string
	// Restart is the service's policy ("no", "always", "on-failure", …).
	Restart string
	// NRestarts counts the automatic restarts since somebody or something else
	// started the service. It is above zero if and only if the present run is
	// one (src/core/service.c, flush_n_restarts).
	NRestarts uint32

	// StateChangeUS is when SubState last changed.
	StateChangeUS uint64
	// ConditionUS is when the conditions were last checked, as the first step
	// of a start.
	ConditionUS uint64
	// InactiveExitUS is when the present (or last) run began.
	InactiveExitUS uint64
	// ActiveEnterUS is when the unit last became active, for a oneshot service
	// once its commands are done.
	ActiveEnterUS uint64
	// InactiveEnterUS is when it last became inactive or failed.
	InactiveEnterUS uint64
}

// Running reports whether a run that has begun isn't over.
func (u *UnitState) Running() bool { return u.InactiveExitUS > u.InactiveEnterUS }

// SettingsNamed returns the settings of that name, in the order of the files.
func (u *UnitState) SettingsNamed(name string) []UnitSetting {
	var found []UnitSetting
	for _, s := range u.Settings {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}
