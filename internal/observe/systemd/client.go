package systemd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sync/atomic"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/observe/hostroot"
)

// ErrNoManager is returned where no systemd manager answers: a machine without
// systemd, or a user who isn't logged in.
var ErrNoManager = errors.New("no systemd manager")

// errNoUnit is returned for a unit that the manager doesn't have loaded. A unit
// that has ended is soon unloaded if nothing refers to it, a transient one for
// good.
var errNoUnit = errors.New("unit is not loaded")

// answerTimeout bounds how long a question may take where the context allows
// more. A manager that reloads its units answers none for a second or two.
const answerTimeout = 10 * time.Second

const (
	busName     = "org.freedesktop.systemd1"
	managerPath = "/org/freedesktop/systemd1"
	managerIfc  = "org.freedesktop.systemd1.Manager"
	unitIfc     = "org.freedesktop.systemd1.Unit"
	busIfc      = "org.freedesktop.DBus"
	propsIfc    = "org.freedesktop.DBus.Properties"
	noSuchUnit  = "org.freedesktop.systemd1.NoSuchUnit"
)

// Client asks one manager. It keeps no connection (see the package comment) and
// may be used by several goroutines.
type Client struct {
	manager  event.Manager
	ownerUID uint32
	// bus and private are where the manager is asked. bus may be nil.
	bus     *endpoint
	private endpoint
	// busRuns reports whether the bus can be asked first.
	busRuns func() bool
	// busNotBefore is when the bus is tried again after it has not answered, in
	// nanoseconds since 1970.
	busNotBefore atomic.Int64
	// files reads a unit's files; as the manager's user where that is a user.
	files *fileReads
	// timeout is answerTimeout if it is 0.
	timeout time.Duration
}

// System returns a client of the system's manager, pid 1. The bus comes first: on
// its private socket pid 1 takes seven times as long for the connection as for the
// answers, for it sets up all its objects anew for each (src/core/dbus.c,
// bus_on_connection). Where no bus answers, as early in a boot and under a flood,
// the private socket does, which takes root.
func System() *Client {
	return &Client{
		manager: event.ManagerSystem,
		bus:     &endpoint{path: systemBus, bus: true},
		private: endpoint{path: privateSystem},
		busRuns: systemBusRuns,
		files:   &fileReads{},
	}
}

// user returns a client of a user's own manager. That answers to the same user
// and to root (src/shared/bus-util.c, bus_check_peercred).
//
// Whatever it says, the user can have made up.
func user(uid uint32) *Client {
	return &Client{
		manager:  event.ManagerUser,
		ownerUID: uid,
		private:  endpoint{path: fmt.Sprintf(privateUser, uid), uid: uid},
		files:    &fileReads{asUser: true},
	}
}

// unitNamed returns what the manager knows of a loaded unit, by any of its names,
// and reads its files. It returns errNoUnit for one that isn't loaded, and
// doesn't load it. Files that can't be read are noted in Unit.Problems.
func (c *Client) unitNamed(ctx context.Context, name string) (event.UnitState, error) {
	return c.unit(ctx, name, nil)
}

// unitThatRan is as unitNamed for units that are known to have run. If one isn't
// loaded, it has the manager read the unit's files (src/core/dbus-manager.c,
// method_load_unit). That starts nothing, and the manager forgets the unit again.
// The state of the run is gone. It also returns how far the manager has come, if
// boot is not nil.
func (c *Client) unitThatRan(ctx context.Context, name string, boot *event.ManagerBoot) (event.UnitState, error) {
	return c.unit(ctx, name, &ranUnit{boot: boot})
}

// ranUnit is what else is done for a unit that has run.
type ranUnit struct{ boot *event.ManagerBoot }

func (c *Client) unit(ctx context.Context, name string, ran *ranUnit) (event.UnitState, error) {
	var u event.UnitState
	var who credentials
	var room *room
	err := c.ask(ctx, func(ctx context.Context, s *session, peer credentials) (err error) {
		who, room = peer, newRoom()
		u, err = unitState(ctx, s, name, ran, room)
		return err
	})
	if ran != nil && errors.Is(err, errNoUnit) {
		return event.UnitState{}, errNoUnit
	}
	if err != nil {
		return event.UnitState{}, fmt.Errorf("ask systemd about %s: %w", name, err)
	}
	u.Manager, u.OwnerUID = c.manager, c.ownerUID
	c.files.locate(ctx, &u, who, room)
	return u, nil
}

// unitState asks for what newUnit takes.
func unitState(ctx context.Context, s *session, name string, ran *ranUnit, room *room) (event.UnitState, error) {
	q := []query{getUnit("GetUnit", name)}
	if ran != nil && ran.boot != nil {
		q = append(q, bootQueries()...)
	}
	first, err := s.send(q...)
	if err != nil {
		return event.UnitState{}, err
	}
	path, err := pathReply(ctx, s, first)
	if ran != nil && ran.boot != nil {
		*ran.boot = bootOrNever(ctx, s, first+1)
	}
	var u event.UnitState
	if err == nil {
		u, err = unitAt(ctx, s, path, name, room)
	}
	if ran == nil || !errors.Is(err, errNoUnit) {
		return u, err
	}
	// its run is over; what its files say still counts
	return loadUnit(ctx, s, name, room)
}

// loadUnit has the manager load a unit that isn't.
func loadUnit(ctx context.Context, s *session, name string, room *room) (event.UnitState, error) {
	u, err := loadFile(ctx, s, name, room)
	if err == nil && u.LoadState != "loaded" {
		err = errNoUnit
	}
	return u, err
}

// loadFile has the manager read what it can of a unit's file. The manager forgets
// the unit again before it looks at the next call, and loads it anew for each
// (src/core/dbus.c, find_unit). So all properties come in one answer.
func loadFile(ctx context.Context, s *session, name string, room *room) (event.UnitState, error) {
	first, err := s.send(getUnit("LoadUnit", name))
	if err != nil {
		return event.UnitState{}, err
	}
	path, err := pathReply(ctx, s, first)
	if err != nil {
		return event.UnitState{}, err
	}
	props, err := allProperties(ctx, s, path, name, room)
	return unitOf(props, err)
}

// unitAt asks for the properties of a unit's object.
func unitAt(ctx context.Context, s *session, path, name string, room *room) (event.UnitState, error) {
	props, err := consistent(ctx, s, path, name, room)
	return unitOf(props, err)
}

func getUnit(method, name string) query {
	return query{path: managerPath, ifc: managerIfc, member: method, args: []string{name}}
}

// pathReply is the answer to getUnit.
func pathReply(ctx context.Context, s *session, serial uint32) (string, error) {
	raw, err := s.reply(ctx, serial)
	if err != nil {
		return "", noUnit(err)
	}
	m, err := dbuswire.Parse(raw)
	if err != nil || m.Signature != "o" || len(m.Args) != 1 || len(m.Args[0].Text) > maxPath {
		return "", errors.Join(errNoPath, err)
	}
	return m.Args[0].Text, nil
}

// maxPath bounds the path of a unit's object: its name, three times as long where
// each byte is escaped.
const maxPath = 1 << 10

var errNoPath = errors.New("the manager's answer names no unit")

// Boot returns how far the manager has come with its start.
func (c *Client) Boot(ctx context.Context) (event.ManagerBoot, error) {
	var b event.ManagerBoot
	err := c.ask(ctx, func(ctx context.Context, s *session, _ credentials) error {
		first, err := s.send(bootQueries()...)
		if err == nil {
			b, err = boot(ctx, s, first)
		}
		return err
	})
	if err != nil {
		return event.ManagerBoot{}, fmt.Errorf("ask systemd about its start: %w", err)
	}
	return b, nil
}

// bootProperties are those of which an event.ManagerBoot is made.
var bootProperties = []string{"Version", "UserspaceTimestampMonotonic", "FinishTimestampMonotonic"}

func bootQueries() []query {
	var list []query
	for _, name := range bootProperties {
		list = append(list, getProperty(managerPath, managerIfc, name))
	}
	return list
}

// boot reads the answers to bootQueries, the first of which has that serial.
func boot(ctx context.Context, s *session, first uint32) (event.ManagerBoot, error) {
	p := make(properties)
	var errs error
	room := newRoom()
	for i, name := range bootProperties {
		errs = errors.Join(errs, p.take(ctx, s, first+uint32(i), name, room))
	}
	if errs != nil {
		return event.ManagerBoot{}, errs
	}
	return event.ManagerBoot{
		Version:     p.str("Version"),
		UserspaceUS: p.u64("UserspaceTimestampMonotonic"), FinishUS: p.u64("FinishTimestampMonotonic"),
	}, nil
}

// bootOrNever is a boot that no run can lie in where the manager does not say:
// what is known of the unit still counts.
func bootOrNever(ctx context.Context, s *session, first uint32) event.ManagerBoot {
	b, err := boot(ctx, s, first)
	if err != nil {
		return event.ManagerBoot{UserspaceUS: math.MaxUint64}
	}
	return b
}

// NamesFailed reports whether units say whose OnFailure= they are, in the
// property OnFailureOf, which came with systemd 249. It asks a unit that is
// always loaded.
func (c *Client) NamesFailed(ctx context.Context) (has bool, err error) {
	const always = "-.slice"
	err = c.ask(ctx, func(ctx context.Context, s *session, _ credentials) error {
		first, err := s.send(getUnit("GetUnit", always))
		if err != nil {
			return err
		}
		path, err := pathReply(ctx, s, first)
		if err != nil {
			return err
		}
		if first, err = s.send(getProperty(path, unitIfc, "OnFailureOf")); err != nil {
			return err
		}
		p := make(properties)
		if err := p.take(ctx, s, first, "OnFailureOf", newRoom()); !isUnknownProperty(err) {
			has = err == nil
			return err
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("ask systemd about %s: %w", always, err)
	}
	return has, nil
}

const (
	// busPatience is how long the bus may take before the manager is asked on its
	// own socket.
	busPatience = 2 * time.Second
	// busPause is how long the bus is left out after that.
	busPause = time.Minute
)

// errBusTime is why the bus was given up.
var errBusTime = fmt.Errorf("the bus has not answered within %v", busPatience)

// systemBusRuns reports whether systemd has started the daemon of the system bus.
// Before, a connection would start it. systemd has a link for each unit that runs
// (src/core/unit.c, unit_export_invocation_id), by the unit's principal name.
func systemBusRuns() bool {
	for _, unit := range []string{"dbus.service", "dbus-broker.service"} {
		if _, err := os.Lstat(hostroot.Path("/run/systemd/units/invocation:" + unit)); err == nil {
			return true
		}
	}
	return false
}

// ask connects, has the question asked, and hangs up. The bus is asked first if it
// runs, and last if the private socket may not be used.
// Where that was given up or took too long, the context's cause is the error,
// not what came of it in the connection.
func (c *Client) ask(ctx context.Context, question func(context.Context, *session, credentials) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(c.timeout, answerTimeout), errTime)
	defer cancel()
	var errs []error
	first := c.bus != nil && c.busRuns() && time.Now().UnixNano() >= c.busNotBefore.Load()
	if first {
		err := c.askBus(ctx, question)
		if err == nil || ctx.Err() != nil || answered(err) {
			return causeOr(ctx, err)
		}
		errs = append(errs, err)
	}
	err := askAt(ctx, c.private, question)
	if errs = append(errs, err); errors.Is(err, fs.ErrPermission) && c.bus != nil && !first {
		err = askAt(ctx, *c.bus, question)
		errs = append(errs, err)
	}
	if err == nil || answered(err) {
		return err
	}
	return causeOr(ctx, oneLine(errs))
}

// causeOr is why the context is done, if it is and there is an error.
func causeOr(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// askBus asks over the bus, for a while.
func (c *Client) askBus(ctx context.Context, question func(context.Context, *session, credentials) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, busPatience, errBusTime)
	defer cancel()
	err := askAt(ctx, *c.bus, question)
	if err != nil && errors.Is(context.Cause(ctx), errBusTime) {
		c.busNotBefore.Store(time.Now().Add(busPause).UnixNano())
		return errBusTime
	}
	return err
}

// askAt asks at one endpoint.
func askAt(ctx context.Context, e endpoint, question func(context.Context, *session, credentials) error) error {
	s, who, err := e.connect(ctx)
	if err != nil {
		return err
	}
	defer s.conn.Close()
	return question(ctx, s, who)
}

// busErrors are what a bus answers in place of the manager.
var busErrors = map[string]bool{
	"org.freedesktop.DBus.Error.NameHasNoOwner": true, "org.freedesktop.DBus.Error.ServiceUnknown": true,
	"org.freedesktop.DBus.Error.NoReply": true, "org.freedesktop.DBus.Error.AccessDenied": true,
	"org.freedesktop.DBus.Error.LimitsExceeded": true, "org.freedesktop.DBus.Error.Disconnected": true,
}

// answered reports whether an error is the manager's own answer, which another
// endpoint would give, too.
func answered(err error) bool {
	var reply *managerError
	if errors.As(err, &reply) {
		return !busErrors[reply.name]
	}
	return errors.Is(err, errNoUnit) || errors.Is(err, errNoPath)
}

// oneLine joins errors, each with the way that was tried, into one line. That
// nobody is there needs to be said once.
func oneLine(errs []error) error {
	if last := errs[len(errs)-1]; errors.Is(last, ErrNoManager) {
		return last
	}
	joined := errs[0]
	for _, err := range errs[1:] {
		joined = fmt.Errorf("%w; %w", joined, err)
	}
	return joined
}

func getProperty(path, ifc, name string) query {
	return query{path: path, ifc: propsIfc, member: "Get", args: []string{ifc, name}}
}

func getAll(path, ifc string) query {
	return query{path: path, ifc: propsIfc, member: "GetAll", args: []string{ifc}}
}

// unitOf makes a unit of its properties.
func unitOf(props properties, err error) (event.UnitState, error) {
	if err != nil {
		return event.UnitState{}, noUnit(err)
	}
	// A unit that was unloaded in between has been loaded again by the GetAll
	// (src/core/dbus.c, find_unit), with nothing in it if it has no file.
	if props.str("LoadState") == "not-found" && props.str("ActiveState") == "inactive" {
		return event.UnitState{}, errNoUnit
	}
	return newUnit(props), nil
}

// maxSnapshots is how often a unit whose state changes meanwhile is asked about.
const maxSnapshots = 4

// consistent gets the properties of a unit that newUnit takes, all of one state
// of the unit. Those that all units have come in one answer. Of those of the
// unit's type, a service has some 300, and systemd reads files for many: so they
// are asked for one by one. Where the state changes faster than that, all come in
// one answer.
func consistent(ctx context.Context, s *session, path, name string, room *room) (properties, error) {
	for range maxSnapshots {
		one := *room
		props, still, err := snapshot(ctx, s, path, name, &one)
		if still || err != nil {
			*room = one
			return props, err
		}
	}
	return allProperties(ctx, s, path, name, room)
}

// allProperties gets the properties of a unit in one answer, which is of one
// moment.
func allProperties(ctx context.Context, s *session, path, name string, room *room) (properties, error) {
	first, err := s.send(getAll(path, anyIfc))
	if err != nil {
		return nil, err
	}
	raw, err := s.reply(ctx, first)
	if err != nil {
		return nil, err
	}
	return readAll(raw, name, room)
}

// anyIfc stands for all interfaces of an object.
const anyIfc = ""

// snapshot asks for all properties at once, and whether the unit's state was
// still the same when the last of them was read.
func snapshot(ctx context.Context, s *session, path, name string, room *room) (properties, bool, error) {
	ifc, names := propertiesOf(name)
	list := []query{getAll(path, unitIfc)}
	for _, property := range names {
		list = append(list, getProperty(path, ifc, property))
	}
	list = append(list, getProperty(path, unitIfc, stateChange))
	first, err := s.send(list...)
	if err != nil {
		return nil, false, err
	}
	raw, err := s.reply(ctx, first)
	if err != nil {
		return nil, false, err
	}
	props, err := readAll(raw, name, room)
	if err != nil {
		return nil, false, err
	}
	for i, property := range names {
		err := props.take(ctx, s, first+1+uint32(i), property, room)
		if err != nil && !isUnknownProperty(err) {
			return nil, false, err
		}
	}
	last := make(properties)
	err = last.take(ctx, s, first+uint32(len(list))-1, stateChange, room)
	return props, last.u64(stateChange) == props.u64(stateChange), err
}

// isUnknownProperty reports whether this systemd has no such property.
func isUnknownProperty(err error) bool {
	var reply *managerError
	return errors.As(err, &reply) && (reply.name == "org.freedesktop.DBus.Error.UnknownProperty" ||
		reply.name == "org.freedesktop.DBus.Error.UnknownInterface")
}

// noUnit makes systemd's error of that meaning our own.
func noUnit(err error) error {
	var reply *managerError
	if errors.As(err, &reply) && reply.name == noSuchUnit {
		return fmt.Errorf("%w: %w", errNoUnit, err)
	}
	return err
}
