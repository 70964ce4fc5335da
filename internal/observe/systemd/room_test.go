package systemd

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/event"
)

// talkativeManager answers each GetAll with what it likes, until it is hung up on.
func talkativeManager(conn net.Conn, all map[string]dbus.Variant) error {
	in := bufio.NewReader(conn)
	if err := authenticate(in, conn); err != nil {
		return err
	}
	for hungUp := false; !hungUp; {
		question, err := dbus.DecodeMessage(in)
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		var value any = dbus.MakeVariant(uint64(1))
		switch member := question.Headers[dbus.FieldMember].Value(); {
		case member == "GetUnit":
			value = dbus.ObjectPath("/org/freedesktop/systemd1/unit/x")
		case member == "GetAll":
			value = all
		case question.Flags&dbus.FlagNoReplyExpected != 0:
			continue
		}
		hungUp = reply(conn, question, value) != nil
	}
	return nil
}

// size is what a unit's texts take.
func size(u *event.UnitState) int {
	n := 0
	add := func(texts ...string) {
		for _, s := range texts {
			n += len(s)
		}
	}
	add(u.Name, u.LoadState, u.SubState, u.FragmentPath, u.BusName, u.NetworkNamespacePath, u.Type, u.Restart)
	for _, list := range [][]string{u.Names, u.DropInPaths, u.JoinsNamespaceOf, u.Problems, u.TriggeredBy} {
		add(list...)
		n += 16 * len(list)
	}
	for _, s := range u.Settings {
		add(s.Name, s.Value, s.File)
		n += 16
	}
	for _, d := range u.Dependents {
		add(d.Name, d.Dependency)
		n += 16
	}
	return n
}

// Whatever a user's manager says, what is kept of a unit has a bound, and what
// is missing is reported.
func TestWhatAManagerSaysIsBounded(t *testing.T) {
	long := strings.Repeat("x", 900<<10)
	many := func(s string, n int) dbus.Variant {
		list := make([]string, n)
		for i := range list {
			list[i] = s
		}
		return dbus.MakeVariant(list)
	}
	path := "/" + strings.Repeat("p", 3000)
	for _, tt := range []struct {
		name string
		says map[string]dbus.Variant
		cut  bool
		err  error
	}{
		{"an ordinary unit", map[string]dbus.Variant{"Names": many("a.service", 3), "WantedBy": many("multi-user.target", 3)}, false, nil},
		{"a unit that hundreds depend on", map[string]dbus.Variant{"RequiredBy": many("dev-disk-by\\x2dpath.device", 500)}, false, nil},
		{"what is not asked for", map[string]dbus.Variant{"Description": dbus.MakeVariant(long)}, false, nil},
		{"a long path", map[string]dbus.Variant{"FragmentPath": dbus.MakeVariant(long)}, true, nil},
		{"many names", map[string]dbus.Variant{"Names": many("", 100000)}, true, nil},
		{"many dependents", map[string]dbus.Variant{"RequiredBy": many("a.service", 30000), "WantedBy": many("b.service", 30000)}, true, nil},
		{"many drop-ins", map[string]dbus.Variant{"DropInPaths": many(path, 300)}, true, nil},
		{"many namespaces to join", map[string]dbus.Variant{"JoinsNamespaceOf": many("a.service", 30000)}, true, nil},
		{"all of it", map[string]dbus.Variant{
			"FragmentPath": dbus.MakeVariant(path), "SubState": dbus.MakeVariant(path), "LoadState": dbus.MakeVariant(path),
			"DropInPaths": many(path, 30), "JoinsNamespaceOf": many(path, 30), "Names": many(path, 30), "TriggeredBy": many(path, 30),
		}, true, nil},
		{"more than is taken", map[string]dbus.Variant{"Names": many(long, 3)}, false, errAnswerTooLong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			listener, c := listen(t)
			tt.says["Id"] = dbus.MakeVariant("x.service")
			ended := make(chan error, 1)
			go func() {
				conn, err := listener.Accept()
				if err == nil {
					err = errors.Join(talkativeManager(conn, tt.says), conn.Close())
				}
				ended <- err
			}()
			u, err := c.unitNamed(t.Context(), "x.service")
			if !errors.Is(err, tt.err) || u.Cut != tt.cut || size(&u) > 64<<10 {
				t.Errorf("error %v, cut %t, %d bytes", err, u.Cut, size(&u))
			}
			if tt.err == nil && u.Name != "x.service" {
				t.Errorf("it is called %q", u.Name)
			}
			if err := <-ended; err != nil {
				t.Error("the manager: ", err)
			}
		})
	}
}

// What a message announces is not taken before it comes.
func TestAnAnnouncedLengthTakesNoMemory(t *testing.T) {
	listener, c := listen(t)
	ended := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			in := bufio.NewReader(conn)
			err = authenticate(in, conn)
			head := []byte{'l', 2, 1, 1, 0, 0, 0, 0x07, 1, 0, 0, 0, 8, 0, 0, 0}
			_, errWrite := conn.Write(head)
			err = errors.Join(err, errWrite)
		}
		ended <- err
	}()
	_, err := c.unitNamed(t.Context(), "x.service")
	if !errors.Is(err, errAnswerTooLong) {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error("the manager: ", err)
	}
}
