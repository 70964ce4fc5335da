package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// adviceWords has the words for each advice. The names in braces stand for its
// fields, see adviceText.
var adviceWords = map[report.AdviceCode]string{
	report.AdviceNoSettingFile:    "{unit} has PrivateNetwork=yes without a file that says so: whoever makes the unit sets it, and must be told not to",
	report.AdviceShareNetwork:     "Turn PrivateNetwork off for {unit}",
	report.AdviceShareNetworkUser: "Turn PrivateNetwork off for {unit}, by a file of that user's own; write and reload it{as user}",

	report.AdviceReadStaticHostname:    "Instead of {replaced}: read /etc/hostname, where the static host name is",
	report.AdviceReadTransientHostname: "Instead of {replaced}: ask the kernel for the host name in use",
	report.AdviceReadPrettyHostname:    "Instead of {replaced}: read PRETTY_HOSTNAME in /etc/machine-info",
	report.AdviceReadHostnames: "Instead of {replaced}: the host name in use is the kernel's, the static one is in /etc/hostname, " +
		"the others are in /etc/machine-info, the system's name is in /etc/os-release",
	report.AdviceReadLocale: "Instead of {replaced}: the locale is in /etc/locale.conf (on Debian also /etc/default/locale), " +
		"the console's keymap in /etc/vconsole.conf (on Debian /etc/default/keyboard)",
	report.AdviceReadTimeZone: "Instead of {replaced}: the time zone is where /etc/localtime points to, and date prints the time",

	report.AdviceKeepRunning: "Keep {unit} running instead of starting it anew each time",
	report.AdviceCallLess: "Call {bus name} less often, or from something that keeps it busy: each call that finds it stopped starts it, " +
		"and one that finds it running creates nothing",
	report.AdviceChangeCommand:    "Change or stop what runs the command{parents}",
	report.AdviceChangeCommandIn:  "Change or stop what runs the command{parents}. It runs in {unit}{as user}",
	report.AdviceChangeCrontab:    "Change or stop what runs the command{parents}. It runs in {unit}: the entry is in one of the crontabs",
	report.AdviceInspectContainer: "It is done within a container of {program}. If it ends and comes again, look at its restart policy and at why it ends",
	report.AdviceInspectContainerOfUser: "{user} claims that it is done within a container of {program}: ask that user, not the machine's own {program}, " +
		"which may have another of the same id",
	report.AdviceInspectContainersOf: "It is done by {program}, for a container. If that ends and comes again, look at its restart policy and at why it ends",

	report.AdviceSeeGuest: "See within the container of {program} what asks its service manager for {service}: the journal there may tell",

	report.AdviceSeePod:         "See why {pod} needs a sandbox: its events tell. One that cannot be set up is tried again, each time with another network namespace",
	report.AdviceChangeManifest: "The kubelet has {pod} from a file among its manifests, and runs it as long as that is there: change the file, or move it away",
	report.AdviceChangeWorkload: "{workload} makes {pod}: change how often it makes pods, or what makes them fail",
	report.AdviceFixContainer:   "{program} restarts {container} by its policy{policy} whenever it ends: mend what makes it end{as user}",
	report.AdviceStopRestarting: "Or have {program} no longer restart {container}{as user}",
	report.AdviceRunWithin:      "Let commands run in a container that stays ({program} exec), instead of starting one for each",

	report.AdviceFixFailure: "{unit} ends and is restarted automatically{restart}. Mend what makes it end{as user}",
	report.AdviceFixOutcome: "{unit} fails, and starts others by its OnFailure=. Mend what makes it fail{as user}",
	report.AdviceSlowTimer: "Let {unit} elapse less often ({edit}: OnCalendar=, OnUnitActiveSec=, …; " +
		"an empty one first takes back those before it), or disable it",
	report.AdviceKeepSocketService: "{unit} starts the service for a connection that finds it stopped: keep it running",
	report.AdviceAcceptNo:          "{unit} starts {service} anew for each connection: with Accept=no one service answers all",
	report.AdviceNothing:           "{unit} is started with {manager}, once: nothing needs to be done about that",
	report.AdviceChangeTrigger:     "{unit} starts the unit each time that it is triggered: change what it watches, or disable it",

	report.AdviceHearBuses:    "The buses were not heard, so who asked is not known: run nsblame without --no-bus, or see why the probe is not live",
	report.AdviceRunQuieter:   "Something was lost, and what is missing may be part of it: run again when less is going on",
	report.AdviceLargerBuffer: "Records were lost, and what is missing may be among them: run again with a larger --buffer-size",
	report.AdviceAwaitStart:   "It was started before nsblame: let nsblame run until it is started again",
	report.AdviceSeeUnit:      "Nothing that was seen tells who asked. See what the unit is started by, and what the journal has of the time",
}

// isolationWords are the drawback of a unit without a network of its own.
const isolationWords = "{unit} then runs in the network of the machine: it can reach what the machine reaches, " +
	"open ports and the abstract unix sockets of others, where now it has a loopback interface only; " +
	"its other settings (IPAddressDeny=, RestrictAddressFamilies=, …) stay in force"

// drawbackWords has the words for each drawback. {unit} stands for its unit.
var drawbackWords = map[report.DrawbackCode]string{
	report.DrawbackIsolation:       isolationWords,
	report.DrawbackSharedIsolation: isolationWords + "; units that share its namespace no longer do",
	report.DrawbackNoDefaults:      "none for reading, but that a file may be absent where the service would answer with a default",
	report.DrawbackFilesDiffer:     "none for reading; which of the files there are differs between distributions",
	report.DrawbackNotSynchronised: "none for these; whether the clock is synchronised is asked of the time service in use instead (chronyc tracking, ntpq)",
	report.DrawbackMemory:          "its memory while it has nothing to do; it must be able to run on",
	report.DrawbackStaleOrMemory:   "what is asked for is older, or the service takes memory while it has nothing to do",
	report.DrawbackContainerDown:   "a container that is not restarted stays down when it fails",
	report.DrawbackServiceDown: "StartLimitIntervalSec= and StartLimitBurst= bound the restarts until it is mended, and RestartSec= spreads them; " +
		"the service is down meanwhile",
	report.DrawbackRunsLess: "what it starts runs less often, or not at all",
	report.DrawbackOneProcess: "the program must accept connections by itself (sd_listen_fds), which one that talks to its standard input cannot, " +
		"and connections are no longer kept apart by processes",
}

// adviceText is an advice in words. It may hold any byte.
func adviceText(a *report.Advice) string {
	return strings.NewReplacer(
		"{unit}", a.Unit.Unit+ownerText(&a.Unit), "{as user}", asUserText(a), "{edit}", editText(&a.Unit), "{manager}", managerText(&a.Unit),
		"{user}", userText(a), "{service}", a.Service, "{bus name}", a.BusName, "{program}", a.Program,
		"{pod}", advisedPod(a.Pod), "{workload}", advisedWorkload(a.Pod), "{container}", advisedContainer(a.Container), "{policy}", policyText(a.Container),
		"{replaced}", replacedText(a), "{parents}", parentsText(a), "{restart}", howRestartedText(a.Restart),
	).Replace(adviceWords[a.Code])
}

// drawbackText is a drawback in words, empty for none. It may hold any byte.
func drawbackText(d report.Drawback) string {
	return strings.ReplaceAll(drawbackWords[d.Code], "{unit}", d.Unit)
}

// asUserText says whose manager or container is meant, if it is a known user's.
func asUserText(a *report.Advice) string {
	switch {
	case a.Unit.HasOwner:
		return fmt.Sprintf(" as the user with id %d", a.Unit.OwnerUID)
	case a.Container != nil && a.HasUser:
		return fmt.Sprintf(" as the user with id %d", a.User)
	}
	return ""
}

// advisedPod is the pod of an advice, without the number of its sandbox.
func advisedPod(p *finding.Pod) string {
	if p == nil {
		return ""
	}
	named := *p
	named.Attempt = nil
	return podName(&named, verbatim)
}

// advisedWorkload is what makes the pod of an advice.
func advisedWorkload(p *finding.Pod) string {
	if p == nil || p.Workload == nil {
		return ""
	}
	return p.Workload.Kind + " " + p.Workload.Name
}

func advisedContainer(c *finding.Container) string {
	if c == nil {
		return ""
	}
	return containerName(c, verbatim)
}

// policyText is the restart policy of a container, if it is known.
func policyText(c *finding.Container) string {
	if c == nil || c.RestartPolicy == "" {
		return ""
	}
	return " " + c.RestartPolicy
}

// editText is the command that edits a unit.
func editText(u *report.UnitRef) string {
	if u.Manager == event.ManagerUser {
		return "systemctl --user edit " + u.Unit
	}
	return "systemctl edit " + u.Unit
}

// managerText is what starts together with a unit's manager.
func managerText(u *report.UnitRef) string {
	if u.Manager == event.ManagerUser {
		return "the user's manager"
	}
	return "the machine"
}

// userText is the user of an advice.
func userText(a *report.Advice) string {
	if !a.HasUser {
		return "Somebody"
	}
	return fmt.Sprintf("The user with id %d", a.User)
}

// replacedText says what is to be replaced: a command line, or a call.
func replacedText(a *report.Advice) string {
	if len(a.Replaced) == 0 {
		return "calling " + a.BusName + " to read something"
	}
	return strings.Join(a.Replaced, " ")
}

// parentsText says where the parents of a command are shown.
func parentsText(a *report.Advice) string {
	switch {
	case a.Parents == 0, a.Parents == 1 && a.MoreParents:
		return ""
	case a.MoreParents:
		return ": its parents, the first of which are shown as run by"
	case a.Parents == 1:
		return ": its parent, shown as run by"
	}
	return fmt.Sprintf(": its %d parents, shown as run by", a.Parents)
}

// howRestartedText says how a unit is restarted, and how a run before ended.
func howRestartedText(r *finding.Restart) string {
	if r == nil {
		return ""
	}
	var text string
	if r.Policy != "" {
		text = " by Restart=" + r.Policy
	}
	if r.Ended == nil {
		return text
	}
	s := exitStatus(*r.Ended)
	if s.signal != 0 {
		return text + fmt.Sprintf("; a run before was ended by signal %d", s.signal)
	}
	return text + fmt.Sprintf("; a run before ended with exit code %d", s.code)
}
