package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/nsblame/nsblame/internal/event"
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
	getAll      = "org.freedesktop.DBus.Properties.GetAll"
	getOne      = "org.freedesktop.DBus.Properties.Get"
	noSuchUnit  = "org.freedesktop.systemd1.NoSuchUnit"
)

// Client asks one manager. It keeps no connection (see the package comment) and
// may be used by several goroutines.
type Client struct {
	manager  event.Manager
	ownerUID uint32
	// endpoints are tried in turn while there is no permission.
	endpoints []endpoint
	read      readFile
}

// System returns a client of the system's manager, pid 1. It takes root to ask
// it on its private socket; without, the system bus is used.
func System() *Client {
	return &Client{
		manager:   event.ManagerSystem,
		endpoints: []endpoint{{path: privateSystem}, {path: systemBus, bus: true}},
		read:      readUnitFile,
	}
}

// user returns a client of a user's own manager. That answers to the same user
// and to root (src/shared/bus-util.c, bus_check_peercred).
//
// Whatever it says, the user can have made up.
func user(uid uint32) *Client {
	return &Client{
		manager:   event.ManagerUser,
		ownerUID:  uid,
		endpoints: []endpoint{{path: fmt.Sprintf(privateUser, uid), uid: uid}},
		read:      readUnitFile,
	}
}

// unitNamed returns what the manager knows of a loaded unit, by any of its names,
// and reads its files. It returns errNoUnit for one that isn't loaded, and
// doesn't load it. Files that can't be read are noted in Unit.Problems.
//
// What else is to be asked goes over the same connection, if there is an answer.
func (c *Client) unitNamed(ctx context.Context, name string, also ...question) (event.UnitState, error) {
	return c.unit(ctx, "GetUnit", name, also)
}

// load is as unitNamed, but has the manager read the unit's files if it isn't loaded
// (src/core/dbus-manager.c, method_load_unit). It starts nothing, and the
// manager forgets the unit again. It is for units that are known to have run,
// and the state of that run is gone.
func (c *Client) load(ctx context.Context, name string, also ...question) (event.UnitState, error) {
	return c.unit(ctx, "LoadUnit", name, also)
}

// question is something that is asked over a connection. It keeps what comes of
// it to itself.
type question func(context.Context, *dbus.Conn)

func (c *Client) unit(ctx context.Context, method, name string, also []question) (event.UnitState, error) {
	var u event.UnitState
	err := c.ask(ctx, func(ctx context.Context, conn *dbus.Conn) error {
		props, err := unitProperties(ctx, conn, method, name)
		if err != nil {
			return err
		}
		u = newUnit(props)
		for _, q := range also {
			q(ctx, conn)
		}
		return nil
	})
	if err != nil {
		return event.UnitState{}, fmt.Errorf("ask systemd about %s: %w", name, err)
	}
	u.Manager, u.OwnerUID = c.manager, c.ownerUID
	locate(&u, c.read)
	return u, nil
}

// Boot returns how far the manager has come with its start.
func (c *Client) Boot(ctx context.Context) (event.ManagerBoot, error) {
	var b event.ManagerBoot
	err := c.ask(ctx, func(ctx context.Context, conn *dbus.Conn) (err error) {
		b, err = boot(ctx, conn)
		return err
	})
	if err != nil {
		return event.ManagerBoot{}, fmt.Errorf("ask systemd about its start: %w", err)
	}
	return b, nil
}

func boot(ctx context.Context, conn *dbus.Conn) (event.ManagerBoot, error) {
	var b event.ManagerBoot
	version := getProperty(ctx, conn, managerPath, managerIfc, "Version")
	userspace := getProperty(ctx, conn, managerPath, managerIfc, "UserspaceTimestampMonotonic")
	finish := getProperty(ctx, conn, managerPath, managerIfc, "FinishTimestampMonotonic")
	err := errors.Join(version.store(&b.Version), userspace.store(&b.UserspaceUS), finish.store(&b.FinishUS))
	if err != nil {
		return event.ManagerBoot{}, err
	}
	return b, nil
}

// NamesFailed reports whether units say whose OnFailure= they are, in the
// property OnFailureOf, which came with systemd 249. It asks a unit that is
// always loaded.
func (c *Client) NamesFailed(ctx context.Context) (has bool, err error) {
	err = c.ask(ctx, func(ctx context.Context, conn *dbus.Conn) error {
		props, err := unitProperties(ctx, conn, "GetUnit", "-.slice")
		_, has = props["OnFailureOf"]
		return err
	})
	if err != nil {
		return false, fmt.Errorf("ask systemd about -.slice: %w", err)
	}
	return has, nil
}

// ask connects, has the question asked, and hangs up.
// Where that was given up or took too long, the context's cause is the error,
// not what came of it in the connection.
func (c *Client) ask(ctx context.Context, question func(context.Context, *dbus.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	err := c.onConn(ctx, question)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (c *Client) onConn(ctx context.Context, question func(context.Context, *dbus.Conn) error) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer pingUntilAnswered(ctx, conn)()
	return question(ctx, conn)
}

func (c *Client) connect(ctx context.Context) (*dbus.Conn, error) {
	var errs []error
	for _, e := range c.endpoints {
		conn, err := e.connect(ctx)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
		if !errors.Is(err, fs.ErrPermission) {
			break
		}
	}
	return nil, oneLine(errs)
}

// oneLine joins errors, each with the way that was tried, into one line.
func oneLine(errs []error) error {
	joined := errs[0]
	for _, err := range errs[1:] {
		joined = fmt.Errorf("%w; %w", joined, err)
	}
	return joined
}

// call makes a method call that starts nothing.
func call(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return conn.Object(busName, path).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}

// unitProperties gets the properties of a unit that newUnit takes. Those that
// all units have come in one answer. Of those of the unit's type, a service has
// some 300, and systemd reads files for many: so they are asked for one by one.
func unitProperties(ctx context.Context, conn *dbus.Conn, method, name string) (properties, error) {
	var path dbus.ObjectPath
	if err := call(ctx, conn, managerPath, managerIfc+"."+method, name).Store(&path); err != nil {
		return nil, noUnit(err)
	}
	props, err := consistent(ctx, conn, path, name)
	if err != nil {
		return nil, noUnit(err)
	}
	// A unit that was unloaded in between has been loaded again by the GetAll
	// (src/core/dbus.c, find_unit), with nothing in it if it has no file.
	if props.str("LoadState") == "not-found" && props.str("ActiveState") == "inactive" {
		return nil, errNoUnit
	}
	return props, nil
}

// maxSnapshots is how often a unit whose state changes meanwhile is asked about.
const maxSnapshots = 4

// consistent gets properties that are all of one state of the unit. Where that
// changes faster than they can be asked for, all of them come in one answer:
// some 300, but of one moment.
func consistent(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath, name string) (properties, error) {
	for range maxSnapshots {
		if props, still, err := snapshot(ctx, conn, path, name); still || err != nil {
			return props, err
		}
	}
	var props properties
	err := call(ctx, conn, path, getAll, anyIfc).Store(&props)
	return props, err
}

// anyIfc stands for all interfaces of an object.
const anyIfc = ""

// snapshot asks for all properties at once, and whether the unit's state was
// still the same when the last of them was read.
func snapshot(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath, name string) (properties, bool, error) {
	common := start(ctx, conn, path, getAll, unitIfc)
	ifc, names := propertiesOf(name)
	own := make([]pending, len(names))
	for i, property := range names {
		own[i] = getProperty(ctx, conn, path, ifc, property)
	}
	last := getProperty(ctx, conn, path, unitIfc, stateChange)

	var props properties
	if err := (<-common.Done).Store(&props); err != nil {
		return nil, false, err
	}
	for i, property := range names {
		var value dbus.Variant
		switch err := own[i].store(&value); {
		case err == nil:
			props[property] = value
		case !isUnknownProperty(err):
			return nil, false, err
		}
	}
	var changed uint64
	err := last.store(&changed)
	return props, changed == props.u64(stateChange), err
}

// isUnknownProperty reports whether this systemd has no such property.
func isUnknownProperty(err error) bool {
	var reply dbus.Error
	return errors.As(err, &reply) && (reply.Name == "org.freedesktop.DBus.Error.UnknownProperty" ||
		reply.Name == "org.freedesktop.DBus.Error.UnknownInterface")
}

// noUnit makes systemd's error of that meaning our own.
func noUnit(err error) error {
	var reply dbus.Error
	if errors.As(err, &reply) && reply.Name == noSuchUnit {
		return fmt.Errorf("%w: %w", errNoUnit, err)
	}
	return err
}

// start makes a method call that starts nothing, and does not wait for the
// answer.
func start(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return conn.Object(busName, path).GoWithContext(ctx, method, dbus.FlagNoAutoStart, make(chan *dbus.Call, 1), args...)
}

// pending is a property that was asked for.
type pending struct {
	name string
	call *dbus.Call
}

func getProperty(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath, ifc, name string) pending {
	return pending{name, start(ctx, conn, path, getOne, ifc, name)}
}

// store waits for the answer. The value goes as it is into a dbus.Variant.
func (p pending) store(to any) error {
	var v dbus.Variant
	if err := (<-p.call.Done).Store(&v); err != nil {
		return fmt.Errorf("property %s: %w", p.name, err)
	}
	if whole, ok := to.(*dbus.Variant); ok {
		*whole = v
		return nil
	}
	return v.Store(to)
}
