package systemd

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"github.com/godbus/dbus/v5"
)

// restlessManager has a unit whose state changes with each question about it.
// NRestarts counts the changes, so that answers of two moments show.
func restlessManager(conn net.Conn) error {
	var now uint32
	return manage(conn, func(question *dbus.Message) error {
		now++
		return reply(conn, question, restlessAnswer(question, now))
	})
}

// manage hands each question that wants an answer to give, until the client hangs up.
func manage(conn net.Conn, give func(*dbus.Message) error) error {
	in := bufio.NewReader(conn)
	if err := authenticate(in, conn); err != nil {
		return err
	}
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
		if err := give(question); err != nil {
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

// A manager loads a unit anew for each question about one that it has unloaded.
// So that is asked about once.
func TestUnitIsLoadedOnce(t *testing.T) {
	listener, c := listen(t)
	ended := make(chan error, 1)
	var members []string
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			err = errors.Join(manage(conn, func(question *dbus.Message) error {
				member := question.Headers[dbus.FieldMember].Value().(string)
				members = append(members, member)
				if member == "GetUnit" {
					return refuse(conn, question, noSuchUnit)
				}
				if member == "LoadUnit" {
					return reply(conn, question, dbus.ObjectPath("/org/freedesktop/systemd1/unit/a_2eservice"))
				}
				return reply(conn, question, restlessAnswer(question, 1))
			}), conn.Close())
		}
		ended <- err
	}()
	if _, err := c.unitThatRan(t.Context(), "a.service", nil); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error("the manager: ", err)
	}
	if want := []string{"GetUnit", "LoadUnit", "GetAll"}; !slices.Equal(members, want) {
		t.Errorf("the manager was asked %q, want %q", members, want)
	}
}
