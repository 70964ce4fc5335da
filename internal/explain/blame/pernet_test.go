package blame

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

// load is a module's loading by a process.
func (s *story) load(pid uint32, module string) {
	s.see(&event.PernetInit{By: s.id(pid), TID: pid, Comm: "modprobe", Subsystem: module, Namespaces: 3})
}

func (s *story) wantLoads(origins ...string) {
	s.t.Helper()
	var got []string
	for _, l := range append(s.loads, s.blamer.FlushPernetInits()...) {
		text := fmt.Sprintf("%s by %d: %s", l.Init.Subsystem, l.Process.ID.PID, l.Origin.Trigger)
		if l.Origin.Unit != "" {
			text += " " + l.Origin.Unit
		}
		if !l.Origin.Why.IsZero() {
			text += ": " + reason(l.Origin.Why)
		}
		got = append(got, text)
	}
	if diff := cmp.Diff(origins, got); diff != "" {
		s.t.Errorf("origins (-want +got):\n%s", diff)
	}
}

func TestLoads(t *testing.T) {
	const job, session = "/system.slice/job.service", "/user.slice/user-1000.slice/session-3.scope"
	s := tell(t)
	s.units["cron.service"] = event.UnitState{Name: "cron.service", Type: "simple"}
	s.units["job.service"] = event.UnitState{
		Name: "job.service", Type: "oneshot", TriggeredBy: []string{"job.timer"}, InactiveExitUS: s.now * 1000,
	}
	s.units["job.timer"] = event.UnitState{Name: "job.timer", LastTriggerUS: s.now*1000 - 1}
	s.caller(41, "modprobe", "ip_vs")
	s.load(41, "nf_conntrack")
	s.load(41, "ip_vs")
	s.process(50, 1, session, "/usr/bin/modprobe", "modprobe", "sit")
	s.load(50, "sit")
	s.process(60, 1, job, "/bin/sh", "sh", "-c", "modprobe wireguard")
	s.process(61, 60, job, "/usr/bin/modprobe", "modprobe", "wireguard")
	s.load(61, "wireguard")
	s.wantLoads(
		"nf_conntrack by 41: command cron.service", "ip_vs by 41: command cron.service",
		"sit by 50: command session-3.scope", "wireguard by 61: timer job.timer",
	)
}

// What the kernel runs for whoever needs a module is blamed on nobody: its
// parent is a kernel thread.
func TestLoadsByTheKernel(t *testing.T) {
	s := tell(t)
	s.put(2, 0, "/", event.ProgramID{Process: s.id(2)}, "kthreadd")
	s.put(70, 2, "/", event.ProgramID{Process: s.id(70)}, "kworker/u4:1")
	s.process(71, 70, "/", "/usr/bin/kmod", "/sbin/modprobe", "-q", "--", "nft-expr-2-ct")
	s.load(71, "nft_ct")
	s.wantLoads("nft_ct by 71: unknown: loaded_by_kernel")
}

// A question that nobody answers leaves the loading without a cause, not out.
func TestLoadsAreFlushed(t *testing.T) {
	s := tell(t)
	s.process(80, 1, "/system.slice/a.service", "/usr/bin/modprobe", "modprobe", "x")
	s.blamer.Observe(event.Event{BootNS: s.now, Body: &event.PernetInit{By: s.id(80), Subsystem: "x"}})
	if early := s.blamer.PernetInits(); len(early) != 0 {
		t.Errorf("%d loads without an answer", len(early))
	}
	s.wantLoads("x by 80: unknown: nobody_asked_no_answer a.service")
}
