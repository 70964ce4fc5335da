package report

import (
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
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
	case finding.TriggerRestart:
		add(fixFailure(c))
	case finding.TriggerTimer:
		add(timerInterval(c))
	case finding.TriggerSocket:
		add(socket(c))
	case finding.TriggerPath, finding.TriggerDevice, finding.TriggerBoot:
		add(started(c))
	case finding.TriggerCommand:
		add(ofCommand(c)...)
	}
	if d, ok := dropIn(c); ok {
		add(d)
	}
	return list
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

// unitDir is where the administrator's settings of a unit go.
func unitDir(p *UnitRef) string {
	if p.Manager == event.ManagerUser {
		return "/etc/systemd/user"
	}
	return "/etc/systemd/system"
}

// --- a unit's own network ---

// dropInName sorts behind the names that drop-ins usually have: the last one
// that sets something wins.
const dropInName = "zz-no-private-network.conf"

// dropIn turns PrivateNetwork off, if that is what made the namespaces.
func dropIn(c *Cause) (Remedy, bool) {
	i := slices.IndexFunc(c.Settings, func(s event.UnitSetting) bool { return s.Name == event.SettingPrivate })
	if i < 0 || c.Settings[i].Value != "yes" {
		return Remedy{}, false
	}
	s := c.Settings[i]
	out := Remedy{Kind: DropIn, Do: Advice{Code: AdviceShareNetwork, Unit: c.Creator}, Cost: lostIsolation(c)}
	if s.File == "" || c.Creator.Pattern && !strings.Contains(c.Creator.Unit, "@") {
		out.Do.Code = AdviceNoSettingFile
		return out, true
	}
	if c.Creator.HasOwner {
		out.Do.Code = AdviceShareNetworkUsers
	}
	out.File = &File{
		Path:     path.Join(unitDir(&c.Creator), template(c.Creator.Unit)+".d", after(s.File)),
		Contents: "[" + section(c.Creator.Unit) + "]\nPrivateNetwork=no\n",
	}
	out.Commands = [][]string{systemctl(&c.Creator, "daemon-reload")}
	return out, true
}

// section is where the settings for processes stand in a unit of that kind;
// elsewhere they are ignored.
func section(name string) string {
	switch path.Ext(name) {
	case ".socket":
		return "Socket"
	case ".mount":
		return "Mount"
	case ".swap":
		return "Swap"
	}
	return "Service"
}

// template is the unit's name, or that of the template if it is about all of
// its instances.
func template(name string) string {
	prefix, instance, found := strings.Cut(name, "@")
	if !found || !strings.HasPrefix(instance, "*") {
		return name
	}
	return prefix + "@" + path.Ext(name)
}

// after is a name for a drop-in that sorts behind the file that it overrides.
func after(file string) string {
	if base := path.Base(file); strings.HasSuffix(path.Dir(file), ".d") && base >= dropInName {
		return base + "-z.conf"
	}
	return dropInName
}

func lostIsolation(c *Cause) Drawback {
	out := Drawback{Code: DrawbackIsolation, Unit: c.Creator.Unit}
	if slices.ContainsFunc(c.Settings, func(s event.UnitSetting) bool { return s.Name == event.SettingJoins }) {
		out.Code = DrawbackSharedIsolation
	}
	return out
}

// --- what a process asked for ---

func ofCommand(c *Cause) []Remedy {
	k := c.Example
	switch {
	case activated(k):
		return activation(c)
	case k.Origin.Process != nil && k.Origin.Process.ID == k.Process.ID:
		if r, ok := container(c); ok {
			return []Remedy{r, byCommand(c)}
		}
		return []Remedy{byCommand(c)}
	}
	if r, ok := container(c); ok {
		return []Remedy{r, byCommand(c)}
	}
	out := []Remedy{byCommand(c)}
	if unit := startedUnit(k); unit != "" {
		out = append(out, Remedy{
			Kind: FewerStarts,
			Do:   Advice{Code: AdviceKeepRunning, Unit: UnitRef{Unit: unit}},
			Cost: Drawback{Code: DrawbackMemory},
		})
	}
	return out
}

// startedUnit is the unit that the first request of the chain was about.
func startedUnit(k *finding.Attribution) string {
	for i := range k.Links {
		if l := &k.Links[i]; l.Kind == finding.KindBecause && l.Unit != "" {
			return stable(l.Unit, &k.Placement)
		}
	}
	return ""
}

// activated reports whether the chain begins with an activation over D-Bus.
func activated(k *finding.Attribution) bool {
	return slices.ContainsFunc(k.Links, func(l finding.Link) bool {
		_, ok := l.Activation()
		return ok
	})
}

func activation(c *Cause) []Remedy {
	name := c.Activated
	if name == "" {
		name = serviceNames[c.Creator.Unit]
	}
	if name == "" {
		name = c.Creator.Unit
	}
	var list []Remedy
	if r, ok := callInstead(name, c.Command); ok {
		list = append(list, r)
	}
	return append(list, Remedy{
		Kind: FewerStarts,
		Do:   Advice{Code: AdviceCallLess, BusName: name},
		Cost: Drawback{Code: DrawbackStaleOrMemory},
	}, byCommand(c))
}

// byCommand names who runs the command.
func byCommand(c *Cause) Remedy {
	out := Remedy{Kind: Command, Do: Advice{
		Code: AdviceChangeCommand, Unit: c.Origin, Parents: len(c.RunBy.Values), MoreParents: c.RunBy.Others > 0,
	}}
	switch {
	case isCron(c.Origin.Unit):
		out.Do.Code = AdviceChangeCrontab
		out.Commands = [][]string{{"ls", "/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/var/spool/cron"}}
	case c.Origin.Unit != "":
		out.Do.Code = AdviceChangeCommandIn
		if !c.Origin.Pattern && !strings.HasSuffix(c.Origin.Unit, ".scope") {
			out.Commands = [][]string{systemctl(&c.Origin, "status", c.Origin.Unit)}
		}
	}
	return out
}

func isCron(unit string) bool {
	return slices.Contains([]string{"cron.service", "crond.service", "cronie.service"}, unit)
}

// --- containers ---

// runtimes are the programs that make containers.
var runtimes = []string{"dockerd", "containerd", "containerd-shim-runc-v2", "crio", "conmon", "podman", "docker", "nerdctl", "ctr", "crictl"}

// container tells how to see whether a container is restarted by its runtime.
func container(c *Cause) (Remedy, bool) {
	k := c.Example
	out := Remedy{
		Kind: ContainerRestart,
		Cost: Drawback{Code: DrawbackContainerDown},
	}
	for _, place := range []*cgroup.Placement{&k.Origin.Placement, &k.Placement} {
		if place.Container == nil {
			continue
		}
		out.Do = Advice{Code: AdviceInspectContainer, Program: place.Container.Runtime}
		out.Commands = inspect(place.Container.Runtime, place.Container.ID)
		return out, true
	}
	if p := k.Origin.Process; p != nil && slices.Contains(runtimes, program(p)) {
		out.Do = Advice{Code: AdviceInspectContainersOf, Program: program(p)}
		out.Commands = inspect(program(p), "")
		return out, true
	}
	return Remedy{}, false
}

// program is the name of a process's executable.
func program(p *lineage.Process) string {
	if p.Exe != "" {
		return path.Base(strings.TrimSuffix(p.Exe, " (deleted)"))
	}
	return p.Comm
}

// inspect are the commands that show a container's restart policy.
func inspect(runtime, id string) [][]string {
	var tool string
	switch {
	case strings.Contains(runtime, "docker"):
		tool = "docker"
	case strings.Contains(runtime, "podman"), strings.Contains(runtime, "libpod"), runtime == "conmon":
		tool = "podman"
	case strings.Contains(runtime, "cri"), strings.Contains(runtime, "containerd"):
		if id == "" {
			return [][]string{{"crictl", "ps", "--all"}}
		}
		return [][]string{{"crictl", "inspect", id}, {"crictl", "logs", id}}
	default:
		return nil
	}
	if id == "" {
		return [][]string{{tool, "ps", "--all"}}
	}
	return [][]string{
		{tool, "inspect", "--format", "{{.HostConfig.RestartPolicy.Name}} {{.RestartCount}}", id},
		{tool, "logs", "--tail", "50", id},
	}
}

// --- triggers ---

func fixFailure(c *Cause) Remedy {
	unit := c.Origin.Unit
	return Remedy{
		Kind:     FixFailure,
		Do:       Advice{Code: AdviceFixFailure, Unit: c.Origin, Restart: c.Restarted},
		Commands: [][]string{systemctl(&c.Origin, "status", unit), journal(&c.Origin, unit)},
		Cost:     Drawback{Code: DrawbackServiceDown},
	}
}

func timerInterval(c *Cause) Remedy {
	t := c.Origin.Unit
	return Remedy{
		Kind:     TimerInterval,
		Do:       Advice{Code: AdviceSlowTimer, Unit: c.Origin},
		Commands: [][]string{systemctl(&c.Origin, "list-timers", "--all", t), systemctl(&c.Origin, "cat", t)},
		Cost:     Drawback{Code: DrawbackRunsLess},
	}
}

func socket(c *Cause) Remedy {
	s := c.Origin.Unit
	if !strings.Contains(c.Creator.Unit, "@*.service") {
		return Remedy{
			Kind:     FewerStarts,
			Do:       Advice{Code: AdviceKeepSocketService, Unit: c.Origin},
			Commands: [][]string{systemctl(&c.Origin, "status", s)},
			Cost:     Drawback{Code: DrawbackMemory},
		}
	}
	return Remedy{
		Kind:     SocketAccept,
		Do:       Advice{Code: AdviceAcceptNo, Unit: c.Origin, Service: c.Creator.Unit},
		Commands: [][]string{systemctl(&c.Origin, "status", s), systemctl(&c.Origin, "cat", s)},
		Cost:     Drawback{Code: DrawbackOneProcess},
	}
}

// started is for what can only be looked at.
func started(c *Cause) Remedy {
	u := c.Origin.Unit
	if c.Trigger == finding.TriggerBoot {
		return Remedy{
			Kind: FewerStarts, Do: Advice{Code: AdviceNothing, Unit: c.Origin},
			Commands: [][]string{systemctl(&c.Origin, "status", u)},
		}
	}
	return Remedy{
		Kind:     FewerStarts,
		Do:       Advice{Code: AdviceChangeTrigger, Unit: c.Origin},
		Commands: [][]string{systemctl(&c.Origin, "status", u), systemctl(&c.Origin, "cat", u)},
		Cost:     Drawback{Code: DrawbackRunsLess},
	}
}

// --- unknown ---

// learnMore tells what would carry the chain on, of what is known to have been
// missing.
func learnMore(c *Cause, r *Report) Remedy {
	out := Remedy{Kind: LearnMore}
	heard := !slices.ContainsFunc(r.Gaps.Dead, func(p event.Coverage) bool { return p.Probe == event.ProbeBus })
	var buffer, other uint64
	for kind, n := range r.Gaps.Lost {
		switch {
		case kind.Buffered():
			buffer += n
		case !kind.Harmless():
			other += n
		}
	}
	switch {
	case !heard:
		out.Do.Code = AdviceHearBuses
		out.Commands = [][]string{{"nsblame", "doctor"}}
	case other > 0:
		out.Do.Code = AdviceRunQuieter
	case buffer > 0:
		out.Do.Code = AdviceLargerBuffer
	case c.Why.Code == finding.ReasonStartedBefore:
		out.Do.Code = AdviceAwaitStart
	default:
		out.Do.Code = AdviceSeeUnit
	}
	if u := c.Creator; u.Unit != "" && !u.Pattern && heard {
		out.Commands = append(out.Commands,
			systemctl(&u, "show", "--property", "TriggeredBy,WantedBy,RequiredBy,NRestarts,Restart", u.Unit), journal(&u, u.Unit))
	}
	return out
}
