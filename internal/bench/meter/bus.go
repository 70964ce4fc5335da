package main

import (
	"errors"
	"io"
	"os"
	"os/exec"

	"github.com/godbus/dbus/v5"
)

const (
	busName   = "org.example.Stranger"
	busPolicy = "/etc/dbus-1/system.d/stranger.conf"
)

// stranger is a service that has nothing to do with systemd.
type stranger struct{}

// Echo gives back what it is given.
func (stranger) Echo(text string) (string, *dbus.Error) { return text, nil }

// bus measures what calls between strangers cost user space: calls of one
// process, and calls of several in turn.
func (m *meter) bus() error {
	end, err := serve()
	if err != nil {
		return err
	}
	return errors.Join(m.calls("bus", 1), m.calls("buses", 4), end())
}

// serve has a stranger on the system bus, until it is ended.
func serve() (end func() error, err error) {
	policy := `<busconfig><policy context="default"><allow own="` + busName + `"/><allow send_destination="` + busName + `"/></policy></busconfig>`
	if err := os.WriteFile(busPolicy, []byte(policy), 0o644); err != nil {
		return nil, err
	}
	service, err := dbus.ConnectSystemBus()
	if err != nil {
		return nil, err
	}
	if err := service.BusObject().Call("org.freedesktop.DBus.ReloadConfig", 0).Err; err != nil {
		return nil, errors.Join(err, service.Close())
	}
	if err := service.Export(stranger{}, "/", busName); err != nil {
		return nil, errors.Join(err, service.Close())
	}
	if reply, err := service.RequestName(busName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		return nil, errors.Join(errors.New("the bus does not give the name"), err, service.Close())
	}
	return service.Close, nil
}

// calls measures the cost of calls that a number of processes make in turn.
func (m *meter) calls(row string, callers int) (err error) {
	list := make([]*caller, callers)
	for i := range list {
		if list[i], err = newCaller(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, list[i].close()) }()
	}
	next := 0
	return m.during(row, func() error {
		return paced(1000, m.seconds, func() error {
			next++
			return list[next%callers].call()
		})
	}, m.share)
}

// caller is a process that calls the stranger on demand.
type caller struct {
	cmd   *exec.Cmd
	tell  io.WriteCloser
	heard io.ReadCloser
}

func newCaller() (*caller, error) {
	c := &caller{cmd: exec.Command("/proc/self/exe", callVerb, busName)}
	c.cmd.Stderr = os.Stderr
	var err error
	if c.tell, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.heard, err = c.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return c, c.cmd.Start()
}

func (c *caller) call() error {
	b := []byte{'c'}
	if _, err := c.tell.Write(b); err != nil {
		return err
	}
	_, err := io.ReadFull(c.heard, b)
	return err
}

func (c *caller) close() error { return errors.Join(c.tell.Close(), c.cmd.Wait()) }

// callVerb makes meter call a service for each byte of its input, and say when
// the answer came.
const callVerb = "call"

func callOnDemand(name string) error {
	client, err := dbus.ConnectSystemBus()
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	object := client.Object(name, "/")
	for b := make([]byte, 1); ; {
		if _, err := os.Stdin.Read(b); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := object.Call(name+".Echo", 0, "hello").Err; err != nil {
			return err
		}
		if _, err := os.Stdout.Write(b); err != nil {
			return err
		}
	}
}
