package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Plan is what a history is made of: a machine, and what is done on it.
type Plan struct {
	// Seed is what it was drawn from. The delays of its parts are drawn from it, too.
	Seed uint64
	// Broker is set if the bus is dbus-broker, else it is dbus-daemon.
	Broker bool
	// Subscribed is set if somebody has subscribed to the manager's signals, as
	// systemd-logind does.
	Subscribed bool
	// Unified is set where cgroups are those of version 2.
	Unified bool
	// BusyBus is set if the bus may take a third of a second to read a message.
	BusyBus bool
	// Polkit is what comes of the requests of those who are not root.
	Polkit polkit
	// ActivationFails is set if the manager refuses activations.
	ActivationFails bool
	// HostnamedSocket is set if the service of the host's name also has a socket, as
	// from systemd 257 on.
	HostnamedSocket bool
	// Booting is set if the stream begins while the machine still starts.
	Booting bool
	// SlowAnswers is set if the manager answers nsblame late.
	SlowAnswers bool
	// Steps are what is done, in the order of time.
	Steps []Step
}

// polkit is what comes of a request that needs an authorisation.
type polkit int

const (
	polkitYes polkit = iota
	polkitNo
	polkitPassword
)

// action is what a step does.
type action int

const (
	// systemctl over the private socket, as root does it; busctl over the bus.
	doSystemctl action = iota
	doBusctl
	// doCall calls a service by its bus name; doStartByName has the bus start it.
	doCall
	doStartByName
	doElapse
	doConnect
	doEnd
	doUnshare
	doRun       // systemd-run
	doElsewhere // on a user's own bus
	doSuspend
	doClock
	doLose
	doCut
	doHide
	doHostile
	actions
)

var actionNames = [actions]string{
	"systemctl", "busctl", "call", "start by name", "timer elapses", "connect", "service ends", "unshare", "systemd-run", "elsewhere", "suspend", "clock step",
	"lose", "cut", "hide", "hostile",
}

// place is where a program runs that does something.
type place int

const (
	inSession place = iota
	inCron
	inDaemon
	places
)

var placeNames = [places]string{"session", "cron", "daemon"}

// Step is something that somebody does.
type Step struct {
	// At is when, in nanoseconds after the beginning.
	At uint64
	// Do is what; the other fields say it more closely.
	Do action
	// Unit is the unit or the bus name.
	Unit string
	// Verb is the method.
	Verb string
	From place
	// UID is who does it.
	UID uint32
	// NoReply, NoWait and Interactive say how it is asked for.
	NoReply, NoWait, Interactive bool
	// Twice is set if the client has a second connection, on which it calls a service
	// that refuses: serials begin at the same number on each.
	Twice bool
}

func (s Step) String() string {
	text := fmt.Sprintf("%9.3fms %s %s %s", float64(s.At)/float64(ms), actionNames[s.Do], s.Verb, s.Unit)
	text += fmt.Sprintf(" from %s by %d", placeNames[s.From], s.UID)
	for _, f := range []struct {
		set  bool
		name string
	}{{s.NoReply, "no reply"}, {s.NoWait, "no wait"}, {s.Interactive, "interactive"}, {s.Twice, "twice"}} {
		if f.set {
			text += ", " + f.name
		}
	}
	return text
}

// adverse reports whether something in the plan can hide what happened.
func (p *Plan) adverse() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Do >= doSuspend })
}

// Draw makes a plan from a seed.
func Draw(seed uint64) *Plan {
	p, rnd := drawMachine(seed)
	adverse := chance(rnd, 15)
	at := uint64(0)
	for range 1 + rnd.IntN(6) {
		switch {
		case chance(rnd, 25): // at nearly the same time as the step before
			at += between(rnd, 0, 10*ms)
		case chance(rnd, 30):
			at += between(rnd, 0, 300*ms)
		case chance(rnd, 3):
			at += between(rnd, 60*sec, 10_000*sec)
		default:
			at += between(rnd, 400*ms, 8*sec)
		}
		p.Steps = append(p.Steps, drawStep(rnd, at, adverse, &everything))
	}
	return p
}

// DrawFocused makes a plan in which all is about one unit, and much is done at nearly the same
// time. Few such histories show what many others do.
func DrawFocused(seed uint64) *Plan {
	p, rnd := drawMachine(seed)
	adverse := chance(rnd, 15)
	about := pick(rnd, families)
	at := uint64(0)
	for range 2 + rnd.IntN(6) {
		at += between(rnd, 0, pick(rnd, []uint64{10 * ms, 10 * ms, 300 * ms, 300 * ms, 2 * sec, 8 * sec}))
		p.Steps = append(p.Steps, drawStep(rnd, at, adverse, &about))
	}
	return p
}

// drawMachine draws what a plan is carried out on.
func drawMachine(seed uint64) (*Plan, *rand.Rand) {
	rnd := rand.New(rand.NewPCG(seed, 0x6e73626c616d65))
	p := &Plan{
		Seed: seed, Broker: chance(rnd, 30), Subscribed: chance(rnd, 65), Unified: chance(rnd, 90), BusyBus: chance(rnd, 10),
		HostnamedSocket: chance(rnd, 15), SlowAnswers: chance(rnd, 5), ActivationFails: chance(rnd, 3), Booting: chance(rnd, 6),
	}
	p.Polkit = pick(rnd, []polkit{polkitYes, polkitYes, polkitNo, polkitPassword})
	return p, rnd
}

// scope is what the steps of a plan deal with: the units that are asked for, and how often
// beside each other, the bus names that are called, and the timers and sockets that trigger.
type scope struct{ services, names, timers, sockets []string }

var everything = scope{services, busNames, timers, sockets}

// families are the units that have to do with each other.
var families = []scope{
	{services: []string{"crash.service"}, timers: []string{"crash.timer"}},
	{services: []string{"solo.service"}},
	{services: []string{"broken.service", "broken.service", "rescue.service"}},
	{services: []string{"spool.service"}, sockets: []string{"spool.path"}},
	{services: []string{"job.service"}, timers: []string{"job.timer"}},
	{services: []string{"worker.service", "solo.service"}, timers: []string{"worker.timer"}},
	{services: []string{"front.service", "back.service"}, timers: []string{"front.timer"}, sockets: []string{"front.socket"}},
	{services: []string{"lamp.service"}, timers: []string{"lamp.timer"}, sockets: []string{"lamp.socket"}},
	{services: []string{"tool.service"}, names: []string{tool1}},
	{
		services: []string{"systemd-hostnamed.service", "dbus-org.freedesktop.hostname1.service"}, names: []string{hostname1},
		sockets: []string{"systemd-hostnamed.socket"},
	},
}

var services = []string{
	"solo.service", "solo.service", "job.service", "front.service", "back.service", "systemd-hostnamed.service",
	"dbus-org.freedesktop.hostname1.service", "lamp.service", "crash.service", "worker.service",
	"tool.service", "broken.service", "broken.service", "skipped.service", "spool.service",
}

var (
	busNames = []string{hostname1, hostname1, locale1, tool1}
	methods  = []string{
		"StartUnit", "StartUnit", "StartUnit", "RestartUnit", "TryRestartUnit", "ReloadOrRestartUnit", "StopUnit", "EnqueueUnitJob",
	}
	// tricks are what a hostile user does (adversity.go).
	tricks = []string{
		"StartUnit", "RestartUnit", "StartTransientUnit", trickJobs, trickActivation, trickBus, trickOwnName, trickFlood,
	}
	timers  = []string{"job.timer", "job.timer", "front.timer", "worker.timer", "lamp.timer", "crash.timer"}
	sockets = []string{"lamp.socket", "lamp.socket", "echo.socket", "systemd-hostnamed.socket", "spool.path", "front.socket"}
)

// The bus names that can be activated.
const (
	hostname1 = "org.freedesktop.hostname1"
	locale1   = "org.freedesktop.locale1"
	// tool1 is that of a service whose unit does not name it.
	tool1 = "org.example.tool1"
)

func drawStep(rnd *rand.Rand, at uint64, adverse bool, about *scope) Step {
	s := Step{At: at, From: place(rnd.IntN(int(places)))}
	s.NoReply, s.NoWait, s.Interactive = chance(rnd, 8), chance(rnd, 30), chance(rnd, 50)
	s.Twice = chance(rnd, 10)
	n := rnd.IntN(100)
	adverse = adverse && n < 15
	switch {
	case adverse:
		s.Do = pick(rnd, []action{doSuspend, doClock, doLose, doCut, doHide, doHostile, doHostile})
		s.Unit, s.Verb = pick(rnd, about.services), pick(rnd, tricks)
	case n >= 43 && n < 65 && len(about.names) > 0:
		s.Do, s.Unit, s.UID = doCall, pick(rnd, about.names), pick(rnd, []uint32{0, 1000})
	case n >= 65 && n < 68 && len(about.names) > 0:
		s.Do, s.Unit = doStartByName, pick(rnd, about.names)
	case n >= 68 && n < 80 && len(about.timers) > 0:
		s.Do, s.Unit = doElapse, pick(rnd, about.timers)
	case n >= 80 && n < 88 && len(about.sockets) > 0:
		s.Do, s.Unit, s.UID = doConnect, pick(rnd, about.sockets), pick(rnd, []uint32{0, 1000})
	case n >= 88 && n < 93:
		s.Do, s.Unit = doEnd, pick(rnd, about.services)
	case n >= 93 && n < 96:
		s.Do, s.Unit, s.Verb = doRun, fmt.Sprintf("run-%d.service", rnd.IntN(100)), "StartTransientUnit"
	case n >= 96 && n < 98:
		s.Do, s.Unit = doElsewhere, pick(rnd, about.services)
	case n >= 98:
		s.Do = doUnshare
	case n >= 35 && n < 43:
		s.Do, s.Unit, s.Verb = doBusctl, pick(rnd, about.services), pick(rnd, methods)
		s.UID = pick(rnd, []uint32{0, 1000})
	default:
		s.Do, s.Unit, s.Verb = doSystemctl, pick(rnd, about.services), pick(rnd, methods)
	}
	return s
}
