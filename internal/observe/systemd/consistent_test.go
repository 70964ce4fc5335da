package systemd

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/godbus/dbus/v5"
)

// restlessManager has a unit whose state changes with each question about it.
// NRestarts counts the changes, so that answers of two moments show.
func restlessManager(conn net.Conn) error {
	in := bufio.NewReader(conn)
	if err := authenticate(in, conn); err != nil {
		return err
	}
	var now uint32
	for {
		question, err := dbus.DecodeMessage(in)
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			return nil // it has hung up
		}
		if err != nil {
			return err
		}
		if question.Flags&dbus.FlagNoReplyExpected != 0 {
			continue // a ping
		}
		now++
		if err := reply(conn, question, restlessAnswer(question, now)); err != nil {
			return err
		}
	}
}

func restlessAnswer(question *dbus.Message, now uint32) any {
	all := map[string]dbus.Variant{
		"Id": dbus.MakeVariant("a.service"), "LoadState": dbus.MakeVariant("loaded"),
		stateChange: dbus.MakeVariant(uint64(now)), "NRestarts": dbus.MakeVariant(now),
	}
	switch question.Headers[dbus.FieldMember].Value() {
	case "GetUnit":
		return dbus.ObjectPath("/org/freedesktop/systemd1/unit/a_2eservice")
	case "GetAll":
		if question.Body[0] == unitIfc {
			delete(all, "NRestarts")
		}
		return all
	}
	if value, ok := all[question.Body[1].(string)]; ok {
		return value
	}
	return dbus.MakeVariant("")
}

// What is known of a unit is never put together from two of its states.
func TestUnitThatChangesMeanwhile(t *testing.T) {
	listener, c := listen(t)
	ended := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			err = errors.Join(restlessManager(conn), conn.Close())
		}
		ended <- err
	}()
	u, err := c.unitNamed(t.Context(), "a.service")
	if err != nil {
		t.Fatal(err)
	}
	if u.NRestarts == 0 || uint64(u.NRestarts) != u.StateChangeUS {
		t.Errorf("%d restarts, as of the state of %d", u.NRestarts, u.StateChangeUS)
	}
	if err := <-ended; err != nil {
		t.Error("the manager: ", err)
	}
}
