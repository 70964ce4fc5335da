// Package systemd asks systemd's managers what they know of a unit, and reads
// the unit's files for where it says so.
//
// It only looks. Nothing it does starts a unit, a job or a process, or keeps a
// manager busy:
//
//   - It calls the manager over the system bus, with NO_AUTO_START, so that nothing
//     is activated by the call. Where that does not answer it uses the manager's
//     private socket, and for a user's manager nothing else.
//   - It asks with GetUnit, which finds only units that are loaded
//     (src/core/dbus-manager.c, method_get_unit), then for its properties, in
//     calls that do not wait for each other. Only of a unit that is known to have
//     run are the files loaded again (LoadUnit).
//   - It connects for a question and hangs up. The manager sends every signal
//     of every unit to every private connection that is open, subscribed or not
//     (src/core/dbus.c, bus_foreach_bus), so that one left open would wake
//     nsblame at each change of any unit.
//
// The connections are seen by whoever watches those sockets, nsblame's own probes
// included. They pass over calls with NO_AUTO_START that start no unit.
//
// # Times
//
// Fields that end in US are microseconds of CLOCK_MONOTONIC, as systemd gives
// them, and zero for never. That clock stands still while the machine is
// suspended, the one of the event stream (CLOCK_BOOTTIME) does not.
//
// # What is not asked
//
// The property ActivationDetails (systemd 252 and later) seems to name the
// timer or path unit that started this run. It names the one that started the
// first run since the unit was loaded (src/core/unit.c, unit_start: "Older
// details object wins"), also when someone starts it by hand later; see
// StartedBy instead. ExecMainStatus and Result are not asked either: they are of
// the present run, and what ended the one before is forgotten when it begins.
package systemd
