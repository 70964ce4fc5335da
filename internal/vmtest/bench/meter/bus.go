package main

import (
	"errors"
	"os"

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

// bus measures what calls between strangers cost user space.
func (m *meter) bus() error {
	policy := `<busconfig><policy context="default"><allow own="` + busName + `"/><allow send_destination="` + busName + `"/></policy></busconfig>`
	if err := os.WriteFile(busPolicy, []byte(policy), 0o644); err != nil {
		return err
	}
	client, err := dbus.ConnectSystemBus()
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if err := client.BusObject().Call("org.freedesktop.DBus.ReloadConfig", 0).Err; err != nil {
		return err
	}
	service, err := dbus.ConnectSystemBus()
	if err != nil {
		return err
	}
	defer func() { _ = service.Close() }()
	if err := service.Export(stranger{}, "/", busName); err != nil {
		return err
	}
	if reply, err := service.RequestName(busName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		return errors.Join(errors.New("the bus does not give the name"), err)
	}
	object := client.Object(busName, "/")
	return m.during("bus", func() error {
		return paced(1000, m.seconds, func() error { return object.Call(busName+".Echo", 0, "hello").Err })
	}, m.share)
}
