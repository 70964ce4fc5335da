package report

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// RemedyKind is the kind of a remedy.
type RemedyKind string

// The kinds of remedies.
const (
	// DropIn: a setting of the creating unit is changed.
	DropIn RemedyKind = "drop_in"
	// CallInstead: what a D-Bus service is asked for is had without it.
	CallInstead RemedyKind = "call_instead"
	// FewerStarts: the service is kept, or asked for less often.
	FewerStarts RemedyKind = "fewer_starts"
	// FixFailure: a service that ends and is restarted.
	FixFailure RemedyKind = "fix_failure"
	// TimerInterval: a timer that elapses often.
	TimerInterval RemedyKind = "timer_interval"
	// SocketAccept: a socket unit that starts a process for each connection.
	SocketAccept RemedyKind = "socket_accept"
	// ContainerRestart: a container, and whether its runtime restarts it.
	ContainerRestart RemedyKind = "container_restart"
	// GuestUnit: a unit of the service manager in a container, and who asks for it.
	GuestUnit RemedyKind = "guest_unit"
	// Pod: a pod, and why it needs a sandbox.
	Pod RemedyKind = "pod"
	// Workload: what makes pods.
	Workload RemedyKind = "workload"
	// Command: a command, and who runs it.
	Command RemedyKind = "command"
	// LearnMore: where the evidence ends, what would carry it on.
	LearnMore RemedyKind = "learn_more"
)

// Remedy is a way to end a cause, or to find one.
type Remedy struct {
	Kind RemedyKind
	// Do is what to do.
	Do Advice
	// Commands are command lines that do it, or show more.
	Commands [][]string
	// File is a file to write first, nil for none.
	File *File
	// Cost is what it costs.
	Cost Drawback
}

// File is a file to write.
type File struct{ Path, Contents string }

// remedies derives from what is known of a cause what ends it.
func remedies(c *Cause, r *Report) []Remedy {
	k := c.Example
	var list []Remedy
	add := func(more ...Remedy) { list = append(list, more...) }
	switch k.Origin.Trigger {
	case finding.TriggerUnknown:
		add(learnMore(c, r))
		add(ofBeneficiary(k.For)...)
	case finding.TriggerPod:
		add(ofPod(k)...)
	case finding.TriggerGuest:
		add(ofGuest(c))
	case finding.TriggerRestart:
		add(ofRestart(c)...)
	case finding.TriggerFailure:
		add(fixFailure(c, AdviceFixOutcome))
	case finding.TriggerTimer:
		add(timerInterval(c))
	case finding.TriggerSocket:
		add(socket(c))
	case finding.TriggerPath, finding.TriggerDevice, finding.TriggerBoot, finding.TriggerSuccess:
		add(started(c))
	case finding.TriggerCommand:
		add(ofCommand(c)...)
	}
	if d, ok := dropIn(c); ok {
		add(d)
	}
	return list
}

// Helps is the remedy to try first: one with a command, if there is one. The cause must
// have remedies.
func (c *Cause) Helps() *Remedy {
	if c.Trigger == finding.TriggerPod && c.Pods.N > 1 {
		for i := range c.Remedies {
			if m := &c.Remedies[i]; m.Kind == Workload && len(m.Commands) > 0 {
				return m
			}
		}
	}
	for i := range c.Remedies {
		if len(c.Remedies[i].Commands) > 0 && c.Remedies[i].File == nil {
			return &c.Remedies[i]
		}
	}
	return &c.Remedies[0]
}

// systemctl is a command line for the manager that a unit belongs to.
func systemctl(p *UnitRef, args ...string) []string {
	if p.Manager == event.ManagerUser {
		return append([]string{"systemctl", "--user"}, args...)
	}
	return append([]string{"systemctl"}, args...)
}

func journal(p *UnitRef, unit string) []string {
	if p.Manager == event.ManagerUser {
		return []string{"journalctl", "--user", "--unit", unit}
	}
	return []string{"journalctl", "--unit", unit}
}
