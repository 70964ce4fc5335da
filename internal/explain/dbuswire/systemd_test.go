package dbuswire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// unitCall is a call of the interface that all units have.
func unitCall(name, unitPath, sig string, args ...any) wire {
	return call(path(unitPath), iface(unitIface), member(name), destination(SystemdName), signature(sig)).args(args...)
}

func managerCall(name, sig string, args ...any) wire {
	return call(path(managerPath), iface(managerIface), member(name), destination(SystemdName), signature(sig)).args(args...)
}

type startJob struct {
	method, unit, mode string
	ok                 bool
}

func startJobOf(m *Message, owners ...string) (j startJob) {
	method, units, mode, ok := StartJob(m, owners...)
	return startJob{method, strings.Join(units, " "), mode, ok}
}

func TestStartJob(t *testing.T) {
	const hello = "/org/freedesktop/systemd1/unit/hello_2eservice"
	properties := []struct {
		Name  string
		Value any
	}{}
	type aux struct {
		Name  string
		Value []struct{ A, B string }
	}
	job := func(method, unit, mode string) startJob { return startJob{method, unit, mode, true} }
	tests := map[string]struct {
		w    wire
		want startJob
	}{
		"StartUnit":              {managerCall("StartUnit", "ss", "a.service", "replace"), job("StartUnit", "a.service", "replace")},
		"RestartUnit":            {managerCall("RestartUnit", "ss", "a.service", "fail"), job("RestartUnit", "a.service", "fail")},
		"TryRestartUnit":         {managerCall("TryRestartUnit", "ss", "a@b.service", "fail"), job("TryRestartUnit", "a@b.service", "fail")},
		"ReloadOrRestartUnit":    {managerCall("ReloadOrRestartUnit", "ss", "a.service", "fail"), job("ReloadOrRestartUnit", "a.service", "fail")},
		"ReloadOrTryRestartUnit": {managerCall("ReloadOrTryRestartUnit", "ss", "a.service", "fail"), job("ReloadOrTryRestartUnit", "a.service", "fail")},
		"StartUnitWithFlags":     {managerCall("StartUnitWithFlags", "sst", "a.socket", "fail", uint64(0)), job("StartUnitWithFlags", "a.socket", "fail")},
		"StartUnitReplace":       {managerCall("StartUnitReplace", "sss", "old.service", "new.service", "fail"), job("StartUnitReplace", "new.service", "fail")},
		"StartTransientUnit": {
			managerCall("StartTransientUnit", "ssa(sv)a(sa(sv))", "run-u1.service", "fail", properties, []aux{}),
			job("StartTransientUnit", "run-u1.service", "fail"),
		},
		"EnqueueUnitJob start":             {managerCall("EnqueueUnitJob", "sss", "a.service", "start", "fail"), job("EnqueueUnitJob", "a.service", "fail")},
		"EnqueueUnitJob reload-or-restart": {managerCall("EnqueueUnitJob", "sss", "a.service", "reload-or-restart", "fail"), job("EnqueueUnitJob", "a.service", "fail")},
		"EnqueueUnitJobMany start": {
			managerCall("EnqueueUnitJobMany", "assst", []string{"a.service", "b.socket"}, "start", "replace", uint64(0)),
			job("EnqueueUnitJobMany", "a.service b.socket", "replace"),
		},
		"EnqueueUnitJobMany of none": {
			managerCall("EnqueueUnitJobMany", "assst", []string{}, "start", "replace", uint64(0)), startJob{},
		},
		"EnqueueUnitJobMany stop":       {managerCall("EnqueueUnitJobMany", "assst", []string{"a.service"}, "stop", "replace", uint64(0)), startJob{}},
		"EnqueueUnitJobMany of no name": {managerCall("EnqueueUnitJobMany", "assst", []string{"a.service", "b"}, "start", "replace", uint64(0)), startJob{}},
		"EnqueueUnitJob stop":           {managerCall("EnqueueUnitJob", "sss", "a.service", "stop", "fail"), startJob{}},
		"EnqueueUnitJob reload":         {managerCall("EnqueueUnitJob", "sss", "a.service", "reload", "fail"), startJob{}},
		"StopUnit":                      {managerCall("StopUnit", "ss", "a.service", "replace"), startJob{}},
		"ReloadUnit":                    {managerCall("ReloadUnit", "ss", "a.service", "replace"), startJob{}},
		"GetUnit":                       {managerCall("GetUnit", "s", "a.service"), startJob{}},

		"Unit.Start":              {unitCall("Start", hello, "s", "replace"), job("Start", "hello.service", "replace")},
		"Unit.Restart":            {unitCall("Restart", hello, "s", "replace"), job("Restart", "hello.service", "replace")},
		"Unit.TryRestart":         {unitCall("TryRestart", hello, "s", "replace"), job("TryRestart", "hello.service", "replace")},
		"Unit.ReloadOrRestart":    {unitCall("ReloadOrRestart", hello, "s", "replace"), job("ReloadOrRestart", "hello.service", "replace")},
		"Unit.ReloadOrTryRestart": {unitCall("ReloadOrTryRestart", hello, "s", "replace"), job("ReloadOrTryRestart", "hello.service", "replace")},
		"Unit.EnqueueJob":         {unitCall("EnqueueJob", hello, "ss", "restart", "replace"), job("EnqueueJob", "hello.service", "replace")},
		"Unit.EnqueueJob stop":    {unitCall("EnqueueJob", hello, "ss", "stop", "replace"), startJob{}},
		"Unit.Stop":               {unitCall("Stop", hello, "s", "replace"), startJob{}},
		"Unit.Start on the job":   {unitCall("Start", "/org/freedesktop/systemd1/job/1", "s", "replace"), startJob{}},
		"Unit.Start on self":      {unitCall("Start", "/org/freedesktop/systemd1/unit/self", "s", "replace"), startJob{}},

		"private socket": {
			call(path(managerPath), iface(managerIface), member("StartUnit"), signature("ss")).args("a.service", "fail"),
			job("StartUnit", "a.service", "fail"),
		},
		"another manager's owner": {
			call(path(managerPath), iface(managerIface), member("StartUnit"), destination(":1.9"), signature("ss")).args("a.service", "fail"),
			startJob{},
		},
		"the owner": {
			call(path(managerPath), iface(managerIface), member("StartUnit"), destination(":1.5"), signature("ss")).args("a.service", "fail"),
			job("StartUnit", "a.service", "fail"),
		},
		"another service": {
			call(path(managerPath), iface(managerIface), member("StartUnit"), destination("org.example.A"), signature("ss")).args("a.service", "fail"),
			startJob{},
		},
		"no interface": {
			call(path(managerPath), member("StartUnit"), destination(SystemdName), signature("ss")).args("a.service", "fail"),
			startJob{},
		},
		"another object": {
			call(path("/"), iface(managerIface), member("StartUnit"), destination(SystemdName), signature("ss")).args("a.service", "fail"),
			startJob{},
		},
		"signal": {
			wire{
				order: startUnit().order, kind: Signal, version: 1, serial: 1,
				fields: startUnit().fields, body: startUnit().body,
			},
			startJob{},
		},
		"wrong arguments": {managerCall("StartUnit", "s", "a.service"), startJob{}},
		"other arguments": {managerCall("StartUnit", "us", uint32(1), "a.service"), startJob{}},
		"no unit":         {managerCall("StartUnit", "ss", "a", "fail"), startJob{}},
		"a template":      {managerCall("StartUnit", "ss", "a@.service", "fail"), startJob{}},
		"escape sequence": {managerCall("StartUnit", "ss", "a\x1b[2J.service", "fail"), startJob{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, tt.w.marshal(t))
			if got := startJobOf(&m, ":1.5"); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestOtherJob(t *testing.T) {
	const hello = "/org/freedesktop/systemd1/unit/hello_2eservice"
	enqueue := managerCall("EnqueueUnitJob", "sss", "a.service", "stop", "fail")
	tests := map[string]struct {
		w     wire
		units string
		ok    bool
	}{
		"StopUnit":                {managerCall("StopUnit", "ss", "a.service", "replace"), "a.service", true},
		"ReloadUnit":              {managerCall("ReloadUnit", "ss", "a.service", "replace"), "a.service", true},
		"EnqueueUnitJob stop":     {enqueue, "a.service", true},
		"EnqueueUnitJob start":    {managerCall("EnqueueUnitJob", "sss", "a.service", "start", "fail"), "", false},
		"EnqueueUnitJobMany stop": {managerCall("EnqueueUnitJobMany", "assst", []string{"a.service", "b.socket"}, "stop", "replace", uint64(0)), "a.service b.socket", true},
		"StartUnit":               {managerCall("StartUnit", "ss", "a.service", "replace"), "", false},
		"GetUnit":                 {managerCall("GetUnit", "s", "a.service"), "", false},
		"Unit.Stop":               {unitCall("Stop", hello, "s", "replace"), "hello.service", true},
		"Unit.EnqueueJob stop":    {unitCall("EnqueueJob", hello, "ss", "stop", "replace"), "hello.service", true},
		"Unit.EnqueueJob restart": {unitCall("EnqueueJob", hello, "ss", "restart", "replace"), "", false},
		"wrong arguments":         {managerCall("StopUnit", "s", "a.service"), "", false},
		"no unit":                 {managerCall("StopUnit", "ss", "a", "fail"), "", false},
		"another service":         {call(path(managerPath), iface(managerIface), member("StopUnit"), destination("org.example.A"), signature("ss")).args("a.service", "fail"), "", false},
		"another object":          {call(path("/"), iface(managerIface), member("StopUnit"), destination(SystemdName), signature("ss")).args("a.service", "fail"), "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, tt.w.marshal(t))
			if units, ok := OtherJob(&m); strings.Join(units, " ") != tt.units || ok != tt.ok {
				t.Errorf("got %q, %v", units, ok)
			}
		})
	}
	b := enqueue.marshal(t)
	m := mustParse(t, b[:bytes.LastIndex(b, []byte("stop"))])
	if units, ok := OtherJob(&m); ok {
		t.Errorf("without a type of job it says %q", units)
	}
}

// What is cut says no more and nothing else than the whole, and nothing at all
// until the header is complete.
func TestStartJobCut(t *testing.T) {
	for _, name := range []string{"sdbus-start", "libdbus-start", "gdbus-restart", "sdbus-transient", "daemon-forward"} {
		b := send(t, name)
		m := mustParse(t, b)
		want := startJobOf(&m)
		if !want.ok || want.unit == "" || want.mode == "" {
			t.Errorf("%s: got %+v", name, want)
		}
		for n := range b {
			cut, err := Parse(b[:n])
			got := startJobOf(&cut)
			if got.ok != (err == nil) {
				t.Errorf("%s cut at %d: got %+v", name, n, got)
			}
			if got.ok && (got.method != want.method || got.unit != "" && got.unit != want.unit || got.mode != "" && got.mode != want.mode) {
				t.Errorf("%s cut at %d: got %+v", name, n, got)
			}
		}
	}
	// Without the type of job nobody knows whether it starts anything.
	b := managerCall("EnqueueUnitJob", "sss", "a.service", "start", "fail").marshal(t)
	m := mustParse(t, b[:bytes.LastIndex(b, []byte("start"))])
	if got := startJobOf(&m); got != (startJob{}) || len(m.Args) != 1 {
		t.Errorf("got %+v of %+v", got, m)
	}
}

func TestActivationRequest(t *testing.T) {
	signal := func(fields ...field) wire {
		w := call(fields...).with(iface(activatorIface), member(activationRequest), signature("s")).args("a.service")
		w.kind = Signal
		return w
	}
	valid := signal(path(busPath), sender(BusName), destination(SystemdName))
	asCall, badUnit := valid, valid.args("a")
	asCall.kind = MethodCall
	tests := map[string]struct {
		b    []byte
		unit string
		ok   bool
	}{
		"captured":      {send(t, "daemon-activation"), "dbus-org.example.Sleepy.service", true},
		"first segment": {capture(t, "daemon-activation")[0], "", true},
		"built":         {valid.marshal(t), "a.service", true},
		"a call":        {asCall.marshal(t), "", false},
		"no unit":       {badUnit.marshal(t), "", false},
		"no sender":     {signal(path(busPath), destination(SystemdName)).marshal(t), "", false},
		"other sender":  {signal(path(busPath), sender(":1.3"), destination(SystemdName)).marshal(t), "", false},
		"other path":    {signal(path("/"), sender(BusName), destination(SystemdName)).marshal(t), "", false},
		"to another":    {signal(path(busPath), sender(BusName), destination("org.example.A")).marshal(t), "", false},
		"broadcast":     {signal(path(busPath), sender(BusName)).marshal(t), "", false},
		"a start job":   {send(t, "sdbus-start"), "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, tt.b)
			if unit, ok := ActivationRequest(&m); unit != tt.unit || ok != tt.ok {
				t.Errorf("got %q, %v", unit, ok)
			}
		})
	}
}

func TestWantedName(t *testing.T) {
	byName := func(name string) wire {
		return call(path(busPath), iface(BusName), member(startByName), destination(BusName), signature("su")).args(name, uint32(0))
	}
	byNameHeader := bytes.Index(byName("org.example.A").marshal(t), []byte("\x0d\x00\x00\x00org.example.A"))
	noStart := call(path("/"), member("M"), destination("org.example.A"))
	noStart.flags = NoAutoStart
	reply := wire{
		order: noStart.order, kind: MethodReturn, version: 1, serial: 1,
		fields: []field{replySerial(1), destination("org.example.A")},
	}
	tests := map[string]struct {
		b    []byte
		name string
		ok   bool
	}{
		"captured":           {send(t, "sdbus-call"), "org.example.Sleepy", true},
		"header only":        {capture(t, "libdbus-start")[0], SystemdName, true},
		"no auto-start":      {noStart.marshal(t), "", false},
		"unique name":        {call(path("/"), member("M"), destination(":1.1")).marshal(t), "", false},
		"no destination":     {call(path("/"), member("M")).marshal(t), "", false},
		"reply":              {reply.marshal(t), "", false},
		"the bus":            {send(t, "sdbus-hello"), "", false},
		"StartServiceByName": {byName("org.example.A").marshal(t), "org.example.A", true},
		"cut before it":      {byName("org.example.A").marshal(t)[:byNameHeader], "", true},
		"the bus by name":    {byName(BusName).marshal(t), "", false},
		"bad name":           {byName(":1.1").marshal(t), "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, tt.b)
			if got, ok := WantedName(&m); got != tt.name || ok != tt.ok {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
	cut, _ := Parse(send(t, "sdbus-call")[:100])
	if name, ok := WantedName(&cut); ok {
		t.Errorf("a cut header wants %q", name)
	}
}

func TestUnitFromPath(t *testing.T) {
	const prefix = unitPathPrefix
	tests := map[string]string{
		prefix + "hello_2eservice":            "hello.service",
		prefix + "dbus_2dorg_2eA_2eservice":   "dbus-org.A.service",
		prefix + "getty_40tty1_2eservice":     "getty@tty1.service",
		prefix + "_2d_2emount":                "-.mount",
		prefix + "a_5cx2db_2edevice":          `a\x2db.device`,
		prefix + "_31_2Eservice":              "1.service",
		prefix + "a_b_2eservice":              "a_b.service", // as systemd reads what it wouldn't write
		prefix + "self":                       "",
		prefix + "_30123456789abcdef01234567": "",
		prefix + "_":                          "",
		prefix:                                "",
		prefix + "a_1b_2eservice":             "",
		prefix + "hello_2e":                   "",
		prefix + "hello_2":                    "",
		"/org/freedesktop/systemd1":           "",
		"/":                                   "",
	}
	for p, want := range tests {
		if got, ok := unitFromPath(p); got != want || ok != (want != "") {
			t.Errorf("unitFromPath(%q) = %q, %v", p, got, ok)
		}
	}
}

func TestPropertyUnitFromPath(t *testing.T) {
	// As systemd does: all but letters, and digits that aren't first.
	escape := func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			if isLetter(s[i]) || i > 0 && isDigit(s[i]) {
				b.WriteByte(s[i])
			} else {
				fmt.Fprintf(&b, "_%02x", s[i])
			}
		}
		return b.String()
	}
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.StringMatching(`[A-Za-z0-9:_.\\-]{1,40}(@[A-Za-z0-9:_.\\@-]{1,40})?\.(service|scope|timer)`).Draw(t, "unit")
		p := unitPathPrefix + escape(unit)
		if !validObjectPath(p) {
			t.Fatalf("%q is no path", p)
		}
		if got, ok := unitFromPath(p); got != unit || !ok {
			t.Fatalf("unitFromPath(%q) = %q, %v", p, got, ok)
		}
	})
}

func TestValidUnit(t *testing.T) {
	for s, want := range map[string]bool{
		"a.service": true, "a.b.service": true, "-.slice": true, "a@b@c.service": true,
		"": false, "a": false, ".service": false, "a.servic": false, "@a.service": false, "a@.service": false,
		"a/b.service": false, "a b.service": false, "a.service\n": false, "ä.service": false,
		strings.Repeat("a", 247) + ".service": true, strings.Repeat("a", 248) + ".service": false,
	} {
		if got := validUnit(s); got != want {
			t.Errorf("validUnit(%q) = %v", s, got)
		}
	}
}
