package model

import (
	"github.com/nsblame/nsblame/internal/event"
)

// kind is the type of a unit.
type kind int

const (
	service kind = iota
	timer
	socketUnit
	target
)

// state is that of a unit (src/core/unit-def.h, UnitActiveState), and for services
// that of the wait for an automatic restart.
type state int

const (
	inactive state = iota
	activating
	active
	deactivating
	autoRestart
)

// unit is a unit of the manager's.
type unit struct {
	name, alias string
	kind        kind
	// Of a service: its type, the name that it owns on the bus, whether its unit says
	// so (BusName=), whether it has a namespace of its own, its restart policy and the
	// wait before a restart.
	typ        string
	owns       string
	busName    bool
	private    bool
	restart    string
	restartSec uint64
	// template is set for a service of which each connection starts an instance.
	template  *unit
	accept    bool
	transient bool
	// wants are the units that it brings up, after those are up if after is set.
	wants []*unit
	after bool
	// triggers is the service that a timer or socket starts; triggeredBy the reverse.
	triggers    *unit
	triggeredBy []*unit
	wantedBy    []*unit
	// atBoot is set if the target of the boot wants it.
	atBoot bool
	// onFailure is started if it fails; failureOf the reverse.
	onFailure, failureOf *unit
	// life is how long its process runs before it ends by itself, 0 for ever; fails
	// is set if it ends with an error.
	life  uint64
	fails bool
	// lives is how many of its runs end by themselves, 0 for all.
	lives int
	// unmet is set if a condition keeps it from being started.
	unmet bool
	// does is what its process does once it runs, nil for nothing.
	does func(p *process)

	// idle is the state of a timer, socket or path unit that waits.
	idle      string
	state     state
	sub       string
	job       *job
	run       *run
	nRestarts uint32
	// flush has the count of restarts cleared at the next start.
	flush, noRestart bool

	// The times that the manager keeps, in its clock.
	stateChange, condition, inactiveExit, activeEnter, inactiveEnter, lastTrigger uint64

	// attempts are all attempts to start it: see truth.go.
	attempts  []*attempt
	runs      []*run
	instances int
}

// run is one run of a service.
type run struct {
	unit   *unit
	main   *process
	cgroup *group
	// cause is the truth: why it began.
	cause cause
	// before is when the run before was over.
	before uint64
	forked uint64
	over   bool
	ended  uint64
	conn   *conn // its own on the bus
}

// stamp is a time in the manager's clock.
func (m *manager) stamp() uint64 { return (m.now - m.lag) / us }

// set changes the state of a unit, and its times (src/core/unit.c, unit_notify).
func (m *manager) set(u *unit, to state, sub string) {
	was, now := u.state, m.stamp()
	u.state, u.sub = to, sub
	u.stateChange = now
	if was == inactive && to != inactive {
		u.inactiveExit = now
	}
	if was != inactive && to == inactive {
		u.inactiveEnter = now
	}
	if was != active && to == active {
		u.activeEnter = now
	}
	for _, t := range u.triggeredBy {
		m.follow(t, u)
	}
}

// describe is what the manager says of a unit.
func (m *manager) describe(u *unit) event.UnitState {
	s := event.UnitState{
		Name: u.name, Names: []string{u.name}, Manager: event.ManagerSystem, LoadState: "loaded", SubState: u.sub,
		Transient: u.transient, PrivateNetwork: u.private, LastTriggerUS: u.lastTrigger,
		Type: u.typ, Restart: u.restart, NRestarts: u.nRestarts, StateChangeUS: u.stateChange, ConditionUS: u.condition,
		InactiveExitUS: u.inactiveExit, ActiveEnterUS: u.activeEnter, InactiveEnterUS: u.inactiveEnter,
	}
	if u.busName {
		s.BusName = u.owns
	}
	if u.alias != "" {
		s.Names = append(s.Names, u.alias)
	}
	if u.private {
		s.Settings = []event.UnitSetting{{
			Name: event.SettingPrivate, Value: "yes", File: "/lib/systemd/system/" + u.name, Line: 7, Source: event.SettingFromFile,
		}}
	}
	if r := u.run; r != nil && !r.over {
		if m.plan.Unified {
			s.ControlGroupID = uint64(r.cgroup.ID)
		}
		if u.state != inactive && !r.main.exited {
			s.MainPID = r.main.id.PID
		}
	}
	for _, t := range u.triggeredBy {
		s.TriggeredBy = append(s.TriggeredBy, t.name)
	}
	if u.atBoot {
		s.Dependents = append(s.Dependents, event.UnitDependent{Name: "multi-user.target", Dependency: "WantedBy"})
	}
	for _, d := range u.wantedBy {
		s.Dependents = append(s.Dependents, event.UnitDependent{Name: d.name, Dependency: "WantedBy"})
	}
	if d := u.failureOf; d != nil {
		s.Dependents = append(s.Dependents, event.UnitDependent{Name: d.name, Dependency: "OnFailureOf"})
	}
	return s
}
