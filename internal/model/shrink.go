package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

// fails reports whether a plan shows a failure of a kind.
func fails(p *Plan, w *wire, key string) bool {
	h := carryOut(p, w)
	return h.failure() == key || slices.ContainsFunc(h.judged, func(j judged) bool { return j.failure() == key || j.missed() == key })
}

// shrink leaves out of a plan what its failure does not need. Without a step the
// delays of the others differ, so the same is tried with other delays.
func shrink(p *Plan, w *wire, key string) *Plan {
	small := *fewer(p, w, key)
	for changed := true; changed; {
		changed = false
		for _, try := range smaller(&small) {
			if try, ok := withDelays(try, w, key); ok {
				small, changed = *try, true
				break
			}
		}
	}
	return &small
}

// fewer leaves out of a plan steps that its failure does not need, many at once first.
func fewer(p *Plan, w *wire, key string) *Plan {
	for n := len(p.Steps) / 2; n > 0; n /= 2 {
		for i := 0; i < len(p.Steps); {
			try := *p
			try.Steps = slices.Delete(slices.Clone(p.Steps), i, min(i+n, len(p.Steps)))
			if small, ok := withDelays(&try, w, key); ok {
				p = small
			} else {
				i += n
			}
		}
	}
	return p
}

// delays is how many other delays are tried.
const delays = 20

func withDelays(p *Plan, w *wire, key string) (*Plan, bool) {
	for n := range uint64(delays) {
		try := *p
		try.Seed += n << 40
		if fails(&try, w, key) {
			return &try, true
		}
	}
	return nil, false
}

// smaller are the plans that are smaller than one by a little.
func smaller(p *Plan) []*Plan {
	var list []*Plan
	vary := func(change func(*Plan) bool) {
		try := *p
		try.Steps = slices.Clone(p.Steps)
		if change(&try) {
			list = append(list, &try)
		}
	}
	for i := range p.Steps {
		vary(func(p *Plan) bool { p.Steps = slices.Delete(p.Steps, i, i+1); return true })
	}
	unset := func(flag func(*Plan) *bool) {
		vary(func(p *Plan) bool {
			f := flag(p)
			was := *f
			*f = false
			return was
		})
	}
	unset(func(p *Plan) *bool { return &p.Broker })
	unset(func(p *Plan) *bool { return &p.BusyBus })
	unset(func(p *Plan) *bool { return &p.SlowAnswers })
	unset(func(p *Plan) *bool { return &p.HostnamedSocket })
	unset(func(p *Plan) *bool { return &p.ActivationFails })
	vary(func(p *Plan) bool { was := p.Unified; p.Unified = true; return !was })
	vary(func(p *Plan) bool { was := p.Subscribed; p.Subscribed = true; return !was })
	for i := range p.Steps {
		unset(func(p *Plan) *bool { return &p.Steps[i].NoReply })
		unset(func(p *Plan) *bool { return &p.Steps[i].NoWait })
		vary(func(p *Plan) bool { was := p.Steps[i].From; p.Steps[i].From = inSession; return was != inSession })
	}
	return list
}

// story tells what happened and what was said.
func (h *history) story(key string) string {
	var b strings.Builder
	p := h.plan
	fmt.Fprintf(&b, "machine: broker %t, subscribed %t, unified %t, busy bus %t, polkit %d, activation fails %t, hostnamed.socket %t, slow answers %t\n",
		p.Broker, p.Subscribed, p.Unified, p.BusyBus, p.Polkit, p.ActivationFails, p.HostnamedSocket, p.SlowAnswers)
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "  step %s\n", s)
	}
	for _, ev := range h.stream.out {
		if line := line(ev); line != "" {
			fmt.Fprintf(&b, "  %9.3fms %s\n", (float64(ev.BootNS)-float64(start))/float64(ms), line)
		}
	}
	for _, j := range h.judged {
		if j.failure() == key || j.missed() == key {
			b.WriteString(j.String())
		}
	}
	return b.String()
}

// line tells an event, empty for those that say little.
func line(ev event.Event) string {
	switch e := ev.Body.(type) {
	case *event.Process:
		if e.Exited {
			return fmt.Sprintf("%s[%d] has ended", e.Comm, e.ID.PID)
		}
		if e.Preexisting {
			return ""
		}
		return fmt.Sprintf("%s[%d] forked at %.3fms by %d", e.Comm, e.ID.PID, (float64(e.ID.StartNS)-float64(start))/float64(ms), e.Parent.PID)
	case *event.NetnsCreate:
		return fmt.Sprintf("%s[%d] creates a namespace (%d)", e.Comm, e.Creator.PID, e.Serial)
	case *event.BusMessage:
		return said(e)
	case *event.Unit:
		u := &e.Unit
		if e.Why != "" {
			return "manager: " + e.Why
		}
		return fmt.Sprintf("manager of %s (for %d): %s, main %d, restarts %d, changed %d, condition %d, exit %d, active %d, inactive %d, trigger %d",
			u.Name, e.Question.Run.PID, u.SubState, u.MainPID, u.NRestarts, u.StateChangeUS, u.ConditionUS, u.InactiveExitUS, u.ActiveEnterUS, u.InactiveEnterUS, u.LastTriggerUS)
	case *event.Loss:
		return fmt.Sprintf("%d lost: %s", e.Count, e.Kind)
	}
	return ""
}

// said tells a message.
func said(b *event.BusMessage) string {
	m, err := dbuswire.Parse(b.Data)
	var args []string
	for _, a := range m.Args {
		if a.Signature == "u" {
			args = append(args, fmt.Sprint(a.Number))
		} else {
			args = append(args, a.Text)
		}
	}
	from, to := fmt.Sprint(b.Sender.PID), "bus"
	if b.Path == "/run/systemd/private" {
		to = "private"
	}
	if b.FromBus {
		from, to = to+" ("+from+")", fmt.Sprint(b.PeerPID)
	}
	text := fmt.Sprintf("%s -> %s [conn %d] %s %s %s %v", from, to, b.Conn, m.Type, m.Member, m.Destination, args)
	if m.ReplySerial != 0 {
		text += fmt.Sprintf(" in reply to %d", m.ReplySerial)
	} else {
		text += fmt.Sprintf(" serial %d", m.Serial)
	}
	if m.Flags&dbuswire.NoReplyExpected != 0 && m.Type == dbuswire.MethodCall {
		text += " no reply"
	}
	if err != nil {
		text += " " + err.Error()
	}
	return text + string(b.Unread)
}
