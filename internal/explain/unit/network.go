package unit

import "github.com/nsblame/nsblame/internal/event"

// Effect is what a unit's settings make systemd do about the network namespace
// when it starts one of the unit's processes.
type Effect string

// The effects. Nothing but the three settings plays a part: PrivateTmp and the
// other Private… settings make namespaces of other kinds.
const (
	// EffectNone: the processes stay in the manager's namespace. One that is
	// created in the unit is the doing of the unit's own program.
	EffectNone Effect = "none"
	// EffectCreate: a new one, by PrivateNetwork=yes. The first of the unit's
	// processes makes it; the others of the same run join.
	EffectCreate Effect = "create"
	// EffectCreateOrJoin: as EffectCreate, unless a unit of Shares runs in one
	// already, which is then joined. Where a creation was seen, none did.
	EffectCreateOrJoin Effect = "create-or-join"
	// EffectJoin: the one at NetworkNamespacePath, which has to exist.
	// PrivateNetwork has no say then.
	EffectJoin Effect = "join"
)

// Creates reports whether the effect can create a namespace.
func (e Effect) Creates() bool { return e == EffectCreate || e == EffectCreateOrJoin }

// Network is what a unit's settings do about its network namespace, and which
// of them does it.
type Network struct {
	// Effect is what they do.
	Effect Effect
	// Settings are those responsible, the decisive one first. It is empty for
	// EffectNone, except where a setting says so explicitly.
	Settings []event.UnitSetting
	// Shares are the units that a namespace is shared with.
	Shares []string
}

// NetworkOf tells what the unit's settings, as they are in force, do about its
// network namespace (src/core/exec-invoke.c, exec_invoke;
// src/core/namespace.c, setup_shareable_ns and open_shareable_ns_path;
// src/core/unit.c, unit_setup_exec_runtime).
//
// Commands with the prefix "+" run outside of it. A user's manager before
// systemd 254 has not the privilege to create one, and starts the program
// without; a creation below such a unit is then the program's doing, whatever
// Network says.
func NetworkOf(u *event.UnitState) Network {
	switch {
	case u.NetworkNamespacePath != "":
		return Network{Effect: EffectJoin, Settings: u.SettingsNamed(event.SettingPath)}
	case u.PrivateNetwork && len(u.JoinsNamespaceOf) > 0:
		return Network{
			Effect:   EffectCreateOrJoin,
			Settings: append(u.SettingsNamed(event.SettingPrivate), u.SettingsNamed(event.SettingJoins)...),
			Shares:   u.JoinsNamespaceOf,
		}
	case u.PrivateNetwork:
		return Network{Effect: EffectCreate, Settings: u.SettingsNamed(event.SettingPrivate)}
	default:
		return Network{Effect: EffectNone, Settings: u.SettingsNamed(event.SettingPrivate)}
	}
}
