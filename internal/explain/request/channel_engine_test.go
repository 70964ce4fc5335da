package request

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// The processes of a machine with engines, by their pids.
const (
	initPID, dockerdPID, kubeletPID, containerdPID = 1, 10, 11, 12
	alicePID, bobPID, forgerPID                    = 20, 21, 30
)

const second = uint64(1e9)

var (
	idOfWeb = strings.Repeat("ab12", 16)
	idOfDB  = strings.Repeat("cd34", 16)
)

func pidOf(n uint32) event.ProcessID { return event.ProcessID{PID: n, StartNS: uint64(n)} }

// shop is a machine with engines, as a tracker sees it.
type shop struct {
	*Tracker
	t testing.TB
}

func newShop(tb testing.TB) *shop {
	tb.Helper()
	tree := lineage.NewTree()
	s := &shop{New(tree), tb}
	s.see(0, &event.Coverage{Probe: event.ProbeEngines, Live: true})
	s.process(initPID, 0, "/lib/systemd/systemd", "/init.scope", 0)
	s.process(dockerdPID, 1, "/usr/bin/dockerd", "/system.slice/docker.service", 0)
	s.process(containerdPID, 1, "/usr/bin/containerd", "/system.slice/containerd.service", 0)
	s.process(kubeletPID, 1, "/usr/bin/kubelet", "/system.slice/kubelet.service", 0)
	s.process(alicePID, 1, "/usr/bin/docker", "/user.slice/user-1000.slice/session-1.scope", 1000)
	s.process(bobPID, 1, "/usr/bin/docker", "/user.slice/user-1001.slice/session-2.scope", 1001)
	s.process(forgerPID, 1, "/home/forger/dockerd", "/user.slice/user-1002.slice/session-3.scope", 1002)
	return s
}

func (s *shop) see(at uint64, b event.Body) {
	ev := event.Event{BootNS: at, Body: b}
	s.tree.Observe(ev)
	s.Observe(ev)
}

func (s *shop) process(pid, parent uint32, exe, cgroup string, uid uint32) {
	program := event.ProgramID{Process: pidOf(pid), Exec: 1}
	s.see(0, &event.Program{ID: program, Exe: exe, Argv: []string{exe}})
	s.see(0, &event.Cgroup{ID: event.CgroupID(pid), Path: cgroup})
	p := &event.Process{ID: pidOf(pid), Program: program, Cgroup: event.CgroupID(pid), UID: uid, Owner: event.Owner{UID: uid, PIDNamespace: 1}}
	if parent != 0 {
		p.Parent = pidOf(parent)
	}
	s.see(0, p)
}

// ask has a process ask docker.
func (s *shop) ask(at uint64, pid uint32, call event.EngineCall, container string) {
	s.see(at, &event.EngineRequest{Sender: pidOf(pid), Engine: event.EngineDocker, Listener: pidOf(dockerdPID), Conn: uint64(pid), Call: call, Container: container})
}

// sandbox has a process ask containerd for a pod.
func (s *shop) sandbox(at uint64, pid uint32, uid string, attempt uint32) {
	s.see(at, &event.EngineRequest{
		Sender: pidOf(pid), Engine: event.EngineContainerd, Listener: pidOf(containerdPID), Conn: uint64(pid), Call: event.EngineRunSandbox,
		Sandbox: &event.SandboxRequest{Namespace: "shop", Name: "web", UID: uid, Attempt: attempt},
	})
}

// want fails unless a request is that of a process, with that evidence and doubt.
func (s *shop) want(a EngineAsk, pid uint32, e evidence.Evidence, doubt finding.ReasonCode) {
	s.t.Helper()
	got := uint32(0)
	if a.Known && a.Caller != nil {
		got = a.Caller.Process.ID.PID
	}
	if got != pid || a.Evidence != e || a.Doubt.Code != doubt {
		s.t.Errorf("of %d, %s, %q; want %d, %s, %q", got, a.Evidence, a.Doubt.Code, pid, e, doubt)
	}
}

// asked is who began a run of the container web by a time.
func (s *shop) asked(span Span) (EngineAsk, bool) {
	return s.EngineAsked(pidOf(dockerdPID), []string{idOfWeb, "web"}, span)
}

func TestByWhichNameAContainerIsAskedFor(t *testing.T) {
	for given, found := range map[string]bool{
		idOfWeb: true, idOfWeb[:12]: true, idOfWeb[:4]: true, "web": true, "/web": true,
		idOfWeb[:3]: false, idOfDB: false, idOfDB[:12]: false, "we": false, "webb": false, "": false,
		strings.ToUpper(idOfWeb): false, idOfWeb + "0": false,
	} {
		s := newShop(t)
		s.ask(1*second, alicePID, event.EngineStart, given)
		if a, ok := s.asked(Span{By: 2 * second}); ok != found {
			t.Errorf("%q: %v", given, ok)
		} else if ok {
			s.want(a, alicePID, evidence.Kernel, "")
		}
	}
}

// What begins an id may be the name of another container.
func TestANameThatLooksLikeAnID(t *testing.T) {
	s := newShop(t)
	s.ask(1*second, alicePID, event.EngineCreate, idOfWeb[:6])
	s.ask(2*second, bobPID, event.EngineStart, idOfWeb[:6])
	if _, ok := s.asked(Span{By: 3 * second}); ok {
		t.Error("taken for the beginning of an id")
	}
}

func TestTheNameThatARunWasGiven(t *testing.T) {
	s := newShop(t)
	s.ask(1*second, alicePID, event.EngineCreate, "shop-web")
	s.ask(2*second, alicePID, event.EngineStart, idOfWeb)
	if got := s.ContainerNames(pidOf(dockerdPID), idOfWeb); len(got) != 1 || got[0] != "shop-web" {
		t.Errorf("names %q", got)
	}
	s.ask(20*second, bobPID, event.EngineRestart, "shop-web")
	a, ok := s.EngineAsked(pidOf(dockerdPID), []string{idOfWeb}, Span{Created: 3 * second, By: 21 * second})
	if !ok {
		t.Fatal("a restart by that name is not found")
	}
	s.want(a, bobPID, evidence.Kernel, "")
	// somebody else's container has no part in it
	s.ask(22*second, bobPID, event.EngineStart, idOfDB)
	if got := s.ContainerNames(pidOf(dockerdPID), idOfDB); len(got) > 0 {
		t.Errorf("names %q", got)
	}
}

func TestTheSpanInWhichAContainerWasAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		call event.EngineCall
		at   uint64
		want bool
	}{
		"start after the end":         {event.EngineStart, 31, true},
		"start while it runs":         {event.EngineStart, 20, false},
		"start of the run before":     {event.EngineStart, 9, false},
		"restart ends the run itself": {event.EngineRestart, 20, true},
		"restart before that run":     {event.EngineRestart, 9, false},
		"task while it runs":          {event.EngineTask, 20, false},
		"too late":                    {event.EngineStart, 41, false},
		"created but not started":     {event.EngineCreate, 31, false},
	} {
		s := newShop(t)
		s.ask(tc.at*second, alicePID, tc.call, "web")
		if _, ok := s.asked(Span{Created: 10 * second, Ended: 30 * second, By: 40 * second}); ok != tc.want {
			t.Errorf("%s: %v", name, ok)
		}
	}
	s := newShop(t)
	s.ask(30*second-second/2, alicePID, event.EngineStart, "web")
	a, _ := s.asked(Span{Created: 10 * second, Ended: 30 * second, By: 31 * second})
	s.want(a, alicePID, evidence.Inferred, finding.ReasonNoEffectSeen)
	s.ask(100*second, alicePID, event.EngineStart, "db")
	if got := s.EngineAsks(pidOf(dockerdPID), []string{"db"}, 500*second); len(got) > 0 {
		t.Error("a request matters for ever")
	}
}

func TestTwoAskForOneContainer(t *testing.T) {
	s := newShop(t)
	s.ask(1*second, alicePID, event.EngineStart, "web")
	s.ask(2*second, bobPID, event.EngineStart, idOfWeb[:12])
	a, _ := s.asked(Span{By: 3 * second})
	s.want(a, alicePID, evidence.Inferred, finding.ReasonOtherAsked)
	if a.Doubt.PID != bobPID {
		t.Errorf("doubted for %d", a.Doubt.PID)
	}
	// the first failed long ago, most likely
	s.ask(60*second, bobPID, event.EngineStart, "web")
	a, _ = s.asked(Span{Created: 1*second + 1, By: 61 * second})
	s.want(a, bobPID, evidence.Kernel, "")
	a, _ = s.asked(Span{By: 61 * second})
	s.want(a, bobPID, evidence.Inferred, finding.ReasonOtherAsked)
	// one who asks again does not compete with himself, and a pid is not a process
	s = newShop(t)
	s.ask(1*second, alicePID, event.EngineStart, "web")
	s.ask(2*second, alicePID, event.EngineStart, "web")
	a, _ = s.asked(Span{By: 3 * second})
	s.want(a, alicePID, evidence.Kernel, "")
	if list := s.EngineAsks(pidOf(dockerdPID), []string{"web"}, 3*second); len(list) != 2 || list[0].At != 2*second {
		t.Errorf("%d requests, the latest is not the first", len(list))
	}
}

// A socket of the same path may be anybody's: only who listens counts.
func TestAForgedSocketCountsForItsOwnEngineAlone(t *testing.T) {
	s := newShop(t)
	forged := &event.EngineRequest{
		Sender: pidOf(bobPID), Engine: event.EngineDocker, Path: "/run/docker.sock", Listener: pidOf(forgerPID), Conn: 9, Call: event.EngineStart, Container: idOfWeb,
	}
	s.see(1*second, forged)
	if _, ok := s.asked(Span{By: 2 * second}); ok {
		t.Error("believed of the machine's own")
	}
	a, ok := s.EngineAsked(pidOf(forgerPID), []string{idOfWeb}, Span{By: 2 * second})
	if !ok {
		t.Fatal("not believed of his own")
	}
	s.want(a, bobPID, evidence.Kernel, "")
	// nor does what cannot be read there cast doubt on others
	s.ask(3*second, alicePID, event.EngineStart, "web")
	s.see(3*second, &event.EngineRequest{Sender: pidOf(forgerPID), Listener: pidOf(forgerPID), Engine: event.EngineDocker, Unread: event.UnreadSpliced})
	a, _ = s.asked(Span{By: 4 * second})
	s.want(a, alicePID, evidence.Kernel, "")
}

// A socket unit's manager listens for an engine that is not there yet.
func TestTheManagerListensForAnEngine(t *testing.T) {
	s := newShop(t)
	s.see(1*second, &event.EngineRequest{Sender: pidOf(alicePID), Engine: event.EngineDocker, Listener: pidOf(initPID), Conn: 1, Call: event.EngineStart, Container: "web"})
	a, ok := s.asked(Span{By: 2 * second})
	if !ok {
		t.Fatal("not found")
	}
	s.want(a, alicePID, evidence.Kernel, "")
	for _, other := range []uint32{containerdPID, forgerPID} {
		if _, ok := s.EngineAsked(pidOf(other), []string{"web"}, Span{By: 2 * second}); ok {
			t.Errorf("taken for one to %d", other)
		}
	}
	s.process(40, 1, "/usr/bin/dockerd", "/system.slice/docker-"+idOfDB+".scope/docker.service", 0)
	if _, ok := s.EngineAsked(pidOf(40), []string{"web"}, Span{By: 2 * second}); ok {
		t.Error("taken for one to a container's own engine")
	}
}

// Of a socket of which it is only known that some service manager listened, the path
// tells whose it is. An ordinary user's manager can listen under any path.
func TestAManagerListensOfWhichNothingIsSaid(t *testing.T) {
	const aliceRoot = 41
	for name, tc := range map[string]struct {
		sender uint32
		path   string
		engine uint32
		found  bool
		doubt  finding.ReasonCode
	}{
		"root":                    {kubeletPID, "/run/docker.sock", dockerdPID, true, ""},
		"a user":                  {bobPID, "/run/docker.sock", dockerdPID, true, finding.ReasonNoEffectSeen},
		"a user at his own":       {alicePID, "/run/user/1000/docker.sock", aliceRoot, true, ""},
		"another one there":       {bobPID, "/run/user/1000/docker.sock", aliceRoot, true, finding.ReasonNoEffectSeen},
		"a user's for root's":     {alicePID, "/run/user/1000/docker.sock", dockerdPID, false, ""},
		"the machine's for his":   {alicePID, "/run/docker.sock", aliceRoot, false, ""},
		"that of another program": {kubeletPID, "/run/docker.sock", containerdPID, false, ""},
	} {
		s := newShop(t)
		s.process(aliceRoot, 1, "/usr/bin/dockerd", "/user.slice/user-1000.slice/user@1000.service/app.slice/docker.service", 1000)
		s.see(1*second, &event.EngineRequest{Sender: pidOf(tc.sender), Engine: event.EngineDocker, Path: tc.path, Conn: 1, Call: event.EngineStart, Container: "web"})
		a, ok := s.EngineAsked(pidOf(tc.engine), []string{"web"}, Span{By: 2 * second})
		t.Log(name)
		if ok != tc.found {
			t.Errorf("found %v", ok)
		}
		if e := evidence.Kernel; ok {
			if tc.doubt != "" {
				e = evidence.Inferred
			}
			s.want(a, tc.sender, e, tc.doubt)
		}
	}
	// what is certain is not doubted for what may be forged
	s := newShop(t)
	s.see(1*second, &event.EngineRequest{Sender: pidOf(forgerPID), Engine: event.EngineDocker, Path: "/run/docker.sock", Conn: 1, Call: event.EngineStart, Container: "web"})
	s.ask(1*second+1, alicePID, event.EngineStart, "web")
	a, _ := s.asked(Span{By: 2 * second})
	s.want(a, alicePID, evidence.Kernel, "")
	if list := s.EngineAsks(pidOf(dockerdPID), []string{"web"}, 2*second); len(list) != 2 || list[0].Evidence != evidence.Kernel {
		t.Errorf("%+v", list)
	}
}

func TestWhatCannotBeReadCastsDoubt(t *testing.T) {
	unread := func(at uint64, pid uint32, why event.Unread, call event.EngineCall) func(*shop) {
		return func(s *shop) {
			s.see(at, &event.EngineRequest{Sender: pidOf(pid), Engine: event.EngineDocker, Listener: pidOf(dockerdPID), Conn: uint64(pid), Unread: why, Call: call})
		}
	}
	for name, tc := range map[string]struct {
		before func(*shop)
		doubt  finding.ReasonCode
	}{
		"somebody else's":         {unread(20*second, bobPID, event.UnreadSpliced, event.EngineUnknown), finding.ReasonUnreadableMessage},
		"one without a container": {unread(20*second, bobPID, "", event.EngineStart), finding.ReasonUnreadableMessage},
		"his own":                 {unread(20*second, alicePID, event.UnreadSpliced, event.EngineUnknown), ""},
		"long ago":                {unread(1*second, bobPID, event.UnreadSpliced, event.EngineUnknown), ""},
		"lost":                    {func(s *shop) { s.see(20*second, &event.Loss{Kind: event.LossEngine, Count: 1}) }, finding.ReasonMessagesLost},
		"lost long ago":           {func(s *shop) { s.see(1*second, &event.Loss{Kind: event.LossEngine, Count: 1}) }, ""},
		"one of the buses'":       {func(s *shop) { s.see(20*second, &event.Loss{Kind: event.LossBus, Count: 1}) }, ""},
		"a harmless loss":         {func(s *shop) { s.see(20*second, &event.Loss{Kind: event.LossForget, Count: 1}) }, ""},
		"damage":                  {func(s *shop) { s.see(20*second, &event.Damage{Blocks: 1}) }, finding.ReasonMessagesLost},
	} {
		s := newShop(t)
		tc.before(s)
		s.ask(20*second, alicePID, event.EngineStart, "web")
		a, _ := s.asked(Span{By: 21 * second})
		e := evidence.Kernel
		if tc.doubt != "" {
			e = evidence.Inferred
		}
		t.Log(name)
		s.want(a, alicePID, e, tc.doubt)
		if missed := s.EngineMissed(pidOf(dockerdPID), 15*second, 21*second); (missed.Code == "") != (tc.doubt == "" && name != "his own") {
			t.Errorf("%s: missed for %q", name, missed.Code)
		}
	}
}

func TestDamageForgetsRequests(t *testing.T) {
	s := newShop(t)
	s.ask(1*second, alicePID, event.EngineStart, "web")
	s.see(2*second, &event.Damage{Blocks: 1})
	if _, ok := s.asked(Span{By: 3 * second}); ok {
		t.Error("still there")
	}
}

func TestASenderThatIsNotKnown(t *testing.T) {
	s := newShop(t)
	s.see(1*second, &event.EngineRequest{Engine: event.EngineDocker, Listener: pidOf(dockerdPID), Call: event.EngineStart, Container: "web"})
	a, ok := s.asked(Span{By: 2 * second})
	if !ok || a.Known || a.Caller != nil || a.Why.Code != finding.ReasonKernelSender || a.Evidence != evidence.Unknown {
		t.Errorf("%v, %+v", ok, a)
	}
}

// Who asked is remembered as he was then.
func TestTheCallerAsHeWas(t *testing.T) {
	s := newShop(t)
	s.ask(1*second, alicePID, event.EngineStart, "web")
	s.process(alicePID, 1, "/bin/other", "/", 0)
	a, _ := s.asked(Span{By: 2 * second})
	if p := a.Caller.Process; p.Exe != "/usr/bin/docker" || p.UID != 1000 {
		t.Errorf("%+v", p)
	}
	if len(a.Caller.Ancestry) != 1 || a.Caller.Ancestry[0].ID.PID != 1 {
		t.Errorf("ancestry %+v", a.Caller.Ancestry)
	}
}

func TestHeardIsAMatterOfTheProbe(t *testing.T) {
	s := newShop(t)
	s.ask(1*second, alicePID, event.EngineStart, "web")
	if ok, why := s.EngineHeard(pidOf(dockerdPID)); !ok {
		t.Errorf("%+v", why)
	}
	s.see(2*second, &event.Coverage{Probe: event.ProbeEngines, Why: "refused"})
	if ok, why := s.EngineHeard(pidOf(dockerdPID)); ok || why.Text != "refused" {
		t.Errorf("heard, %+v", why)
	}
}

func TestSandboxes(t *testing.T) {
	s := newShop(t)
	s.sandbox(1*second, kubeletPID, "u1", 0)
	s.sandbox(2*second, kubeletPID, "u2", 0)
	open := func(by uint64) (list []string) {
		for _, a := range s.Sandboxes(pidOf(containerdPID), by) {
			list = append(list, a.Request.Sandbox.UID)
		}
		return list
	}
	if got := open(3 * second); len(got) != 2 || got[0] != "u2" {
		t.Errorf("open are %q", got)
	}
	if got := open(1 * second); len(got) != 1 {
		t.Errorf("open at first are %q", got)
	}
	a, ok := s.SandboxOf(pidOf(containerdPID), "u1", 3*second)
	if !ok || a.Taken {
		t.Fatalf("%v, %+v", ok, a)
	}
	s.want(a, kubeletPID, evidence.Kernel, "")
	s.TakeSandbox(a)
	if got := open(3 * second); len(got) != 1 || got[0] != "u2" {
		t.Errorf("open are %q", got)
	}
	if a, ok := s.SandboxOf(pidOf(containerdPID), "u1", 3*second); !ok || !a.Taken {
		t.Error("what was taken is not found, or not said to be taken")
	}
	// the next try of a pod is another request, and the older one is over from then on
	s.sandbox(5*second, kubeletPID, "u2", 1)
	if got := open(6 * second); len(got) != 1 {
		t.Errorf("open are %q", got)
	}
	if a, _ := s.SandboxOf(pidOf(containerdPID), "u2", 6*second); a.Request.Sandbox.Attempt != 1 {
		t.Errorf("attempt %d", a.Request.Sandbox.Attempt)
	}
	if a, _ := s.SandboxOf(pidOf(containerdPID), "u2", 4*second); a.Request.Sandbox.Attempt != 0 {
		t.Errorf("attempt %d before that", a.Request.Sandbox.Attempt)
	}
	if got := open(100 * second); len(got) > 0 {
		t.Errorf("open for ever are %q", got)
	}
	if _, ok := s.SandboxOf(pidOf(containerdPID), "", 6*second); ok {
		t.Error("a pod without a uid")
	}
	// somebody else who asks for the same pod
	s.sandbox(7*second, bobPID, "u2", 0)
	a, _ = s.SandboxOf(pidOf(containerdPID), "u2", 8*second)
	s.want(a, bobPID, evidence.Inferred, finding.ReasonOtherAsked)
}

func TestBuilds(t *testing.T) {
	s := newShop(t)
	for _, at := range []uint64{1, 2} { // a build opens several connections
		s.ask(at*second, alicePID, event.EngineBuild, "")
	}
	s.ask(3*second, bobPID, event.EngineBuild, "")
	builders := func(by uint64) (list []uint32) {
		for _, a := range s.Builds(pidOf(dockerdPID), by) {
			list = append(list, a.Caller.Process.ID.PID)
		}
		return list
	}
	if got := builders(4 * second); len(got) != 2 || got[0] != bobPID {
		t.Errorf("%v", got)
	}
	s.see(5*second, &event.Forget{Process: pidOf(bobPID)})
	if got := builders(6 * second); len(got) != 1 || got[0] != alicePID {
		t.Errorf("after the end of one: %v", got)
	}
	if got := builders(4 * second); len(got) != 2 {
		t.Errorf("before that: %v", got)
	}
	s.see(7*second, &event.Process{ID: pidOf(alicePID), Exited: true, ExitNS: 7 * second})
	if got := builders(9 * second); len(got) > 0 {
		t.Errorf("after both: %v", got)
	}
	if list := s.EngineAsks(pidOf(dockerdPID), []string{idOfWeb}, 9*second); len(list) > 0 {
		t.Error("a build is no request for a container")
	}
}

// A user who asks without end takes nothing from others, and what he takes is bounded.
func TestAFloodOfRequests(t *testing.T) {
	s := newShop(t)
	s.ask(1*second, alicePID, event.EngineStart, "web")
	for i := range uint64(20_000) {
		s.ask(2*second+i, bobPID, event.EngineStart, strings.Repeat("x", int(i%200)))
	}
	a, ok := s.asked(Span{By: 3 * second})
	if !ok {
		t.Fatal("forgotten")
	}
	if a.Caller.Process.ID.PID != alicePID {
		t.Errorf("of %d", a.Caller.Process.ID.PID)
	}
	if s.engines.pile.size > maxAsked {
		t.Errorf("%d bytes", s.engines.pile.size)
	}
	if s.Dropped() == 0 || a.Doubt.IsZero() {
		t.Error("what there was no room for is not counted")
	}
}

// Whatever is asked: what is found names the container, was sent in time to that engine,
// and a request that nobody else's comes near is certain.
func TestEngineAskedProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newShop(t)
		at := uint64(0)
		times := make(map[*event.EngineRequest]uint64)
		for range rapid.IntRange(0, 30).Draw(rt, "n") {
			at += rapid.Uint64Range(1, 5*second).Draw(rt, "pause")
			r := &event.EngineRequest{
				Sender: pidOf(rapid.SampledFrom([]uint32{alicePID, bobPID}).Draw(rt, "sender")), Engine: event.EngineDocker,
				Listener:  pidOf(rapid.SampledFrom([]uint32{dockerdPID, forgerPID, initPID}).Draw(rt, "listener")),
				Conn:      rapid.Uint64Range(0, 3).Draw(rt, "conn"),
				Call:      rapid.SampledFrom([]event.EngineCall{event.EngineStart, event.EngineRestart, event.EngineCreate, event.EngineTask}).Draw(rt, "call"),
				Container: rapid.SampledFrom([]string{idOfWeb, idOfWeb[:8], "web", "db", idOfDB, "w"}).Draw(rt, "container"),
			}
			times[r] = at
			s.see(at, r)
		}
		by := rapid.Uint64Range(0, at+second).Draw(rt, "by")
		names := []string{idOfWeb, "web"}
		list := s.EngineAsks(pidOf(dockerdPID), names, by)
		for i, a := range list {
			r := a.Request
			if a.At != times[r] || a.At > by || i > 0 && a.At > list[i-1].At {
				rt.Fatalf("at %d by %d", a.At, by)
			}
			if r.Listener == pidOf(forgerPID) || r.Call == event.EngineCreate || a.Known != (a.Caller != nil) {
				rt.Fatalf("%+v", r)
			}
			if !strings.HasPrefix(idOfWeb, r.Container) && r.Container != "web" {
				named := s.ContainerNames(pidOf(dockerdPID), idOfWeb)
				if !strings.Contains(strings.Join(named, " "), r.Container) {
					rt.Fatalf("%q is none of the names", r.Container)
				}
			}
			if (a.Evidence == evidence.Kernel) != a.Doubt.IsZero() {
				rt.Fatalf("%s with %+v", a.Evidence, a.Doubt)
			}
		}
		ended := rapid.Uint64Range(0, by).Draw(rt, "ended")
		chosen, ok := s.EngineAsked(pidOf(dockerdPID), names, Span{Created: ended, By: by})
		var callers []event.ProcessID
		for _, a := range list {
			if a.At > ended && (len(callers) == 0 || callers[0] != a.Request.Sender) {
				callers = append(callers, a.Request.Sender)
			}
		}
		switch {
		case ok != (len(callers) > 0):
			rt.Fatalf("found %v of %d", ok, len(callers))
		case len(callers) == 1 && (chosen.Evidence != evidence.Kernel || chosen.Request.Sender != callers[0]):
			rt.Fatalf("only one asked, but %s for %+v", chosen.Evidence, chosen.Doubt)
		case len(callers) > 1 && chosen.Evidence == evidence.Kernel:
			rt.Fatalf("several asked, and yet certain")
		}
	})
}
