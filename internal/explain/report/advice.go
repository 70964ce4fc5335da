package report

import "github.com/nsblame/nsblame/internal/explain/finding"

// AdviceCode names what a remedy advises.
type AdviceCode string

// The advice. Each says which fields of an Advice go with it.
const (
	// AdviceNoSettingFile: Unit has a network of its own by no file; whoever makes
	// the unit must not set it.
	AdviceNoSettingFile AdviceCode = "no_setting_file"
	// AdviceShareNetwork: turn PrivateNetwork off for Unit, a unit of the machine.
	AdviceShareNetwork AdviceCode = "share_network"
	// AdviceShareNetworkUser: likewise, for the Unit of one user's manager.
	AdviceShareNetworkUser AdviceCode = "share_network_user"

	// AdviceReadStaticHostname and those below: read it elsewhere. Replaced is the
	// command to replace, empty where it is a call to BusName.
	AdviceReadStaticHostname    AdviceCode = "read_static_hostname"
	AdviceReadTransientHostname AdviceCode = "read_transient_hostname"
	AdviceReadPrettyHostname    AdviceCode = "read_pretty_hostname"
	AdviceReadHostnames         AdviceCode = "read_hostnames"
	AdviceReadLocale            AdviceCode = "read_locale"
	AdviceReadTimeZone          AdviceCode = "read_time_zone"

	// AdviceKeepRunning: keep Unit running.
	AdviceKeepRunning AdviceCode = "keep_running"
	// AdviceCallLess: call BusName less often.
	AdviceCallLess AdviceCode = "call_less"
	// AdviceChangeCommand: change what runs the command, its Parents.
	AdviceChangeCommand AdviceCode = "change_command"
	// AdviceChangeCommandIn: likewise, in Unit.
	AdviceChangeCommandIn AdviceCode = "change_command_in_unit"
	// AdviceChangeCrontab: likewise, and Unit is that of cron.
	AdviceChangeCrontab AdviceCode = "change_crontab"
	// AdviceInspectContainer: look at a container that Program runs.
	AdviceInspectContainer AdviceCode = "inspect_container"
	// AdviceInspectContainerOfUser: likewise, and a user claims that it is Program's:
	// User, if HasUser.
	AdviceInspectContainerOfUser AdviceCode = "inspect_container_of_user"
	// AdviceInspectContainersOf: look at the container for which Program does it.
	AdviceInspectContainersOf AdviceCode = "inspect_containers_of"

	// AdviceSeeGuest: look within a container of Program, whose service manager runs
	// Service.
	AdviceSeeGuest AdviceCode = "see_guest"
	// AdviceSeePod: see by its events why Pod needs a sandbox, maybe again and again.
	AdviceSeePod AdviceCode = "see_pod"
	// AdviceChangeManifest: change the file that the kubelet has Pod from.
	AdviceChangeManifest AdviceCode = "change_manifest"
	// AdviceChangeWorkload: change how often the workload of Pod makes pods.
	AdviceChangeWorkload AdviceCode = "change_workload"
	// AdviceFixContainer: mend what makes Container end, which Program restarts; User
	// is whose it is, if HasUser.
	AdviceFixContainer AdviceCode = "fix_container"
	// AdviceStopRestarting: likewise, have Program no longer restart it.
	AdviceStopRestarting AdviceCode = "stop_restarting"
	// AdviceRunWithin: run commands in a container of Program that stays.
	AdviceRunWithin AdviceCode = "run_within"

	// AdviceFixFailure: find out why Unit ends; Restart is how it is restarted, nil
	// where that is not known.
	AdviceFixFailure AdviceCode = "fix_failure"
	// AdviceFixOutcome: find out why Unit fails, which starts others by OnFailure=.
	AdviceFixOutcome AdviceCode = "fix_outcome"
	// AdviceSlowTimer: let the timer Unit elapse less often.
	AdviceSlowTimer AdviceCode = "slow_timer"
	// AdviceKeepSocketService: keep the service running that the socket Unit starts.
	AdviceKeepSocketService AdviceCode = "keep_socket_service"
	// AdviceAcceptNo: let one service answer all connections to the socket Unit,
	// which starts Service for each.
	AdviceAcceptNo AdviceCode = "accept_no"
	// AdviceNothing: Unit is started with the machine, once.
	AdviceNothing AdviceCode = "nothing"
	// AdviceChangeTrigger: change what Unit watches, or disable it.
	AdviceChangeTrigger AdviceCode = "change_trigger"

	// AdviceHearBuses: run nsblame with the probe of the buses.
	AdviceHearBuses AdviceCode = "hear_buses"
	// AdviceRunQuieter: run it again when less is going on.
	AdviceRunQuieter AdviceCode = "run_quieter"
	// AdviceLargerBuffer: run it again with a larger buffer.
	AdviceLargerBuffer AdviceCode = "larger_buffer"
	// AdviceAwaitStart: let nsblame run until the unit is started again.
	AdviceAwaitStart AdviceCode = "await_start"
	// AdviceSeeUnit: look at the unit and its journal.
	AdviceSeeUnit AdviceCode = "see_unit"
)

// Advice is what to do. Strings in it may hold any byte.
type Advice struct {
	Code AdviceCode
	// Unit is the unit that it is about, or in which something runs.
	Unit UnitRef
	// Service is what Unit starts.
	Service string
	// BusName is a name on the bus.
	BusName string
	// Program is a container runtime.
	Program string
	// Pod and Container are those that it is about, nil if it is about none.
	Pod       *finding.Pod
	Container *finding.Container
	// User is a user, if HasUser.
	User    uint32
	HasUser bool
	// Replaced is the command line that is replaced.
	Replaced []string
	// Parents counts the parents that are shown as run by. There are more of them
	// if MoreParents is set.
	Parents     int
	MoreParents bool
	// Restart is an automatic restart of Unit.
	Restart *finding.Restart
}

// DrawbackCode names what a remedy costs.
type DrawbackCode string

// The drawbacks.
const (
	// DrawbackIsolation: Unit has no network of its own any more.
	DrawbackIsolation DrawbackCode = "isolation"
	// DrawbackSharedIsolation: likewise, nor have the units that shared it.
	DrawbackSharedIsolation DrawbackCode = "shared_isolation"
	// DrawbackNoDefaults: a file may be absent where a service has a default.
	DrawbackNoDefaults DrawbackCode = "no_defaults"
	// DrawbackFilesDiffer: the files differ between distributions.
	DrawbackFilesDiffer DrawbackCode = "files_differ"
	// DrawbackNotSynchronised: it does not tell whether the clock is synchronised.
	DrawbackNotSynchronised DrawbackCode = "not_synchronised"
	// DrawbackMemory: a service takes memory while it is idle.
	DrawbackMemory DrawbackCode = "memory"
	// DrawbackStaleOrMemory: answers are older, or likewise.
	DrawbackStaleOrMemory DrawbackCode = "stale_or_memory"
	// DrawbackContainerDown: a container stays down when it fails.
	DrawbackContainerDown DrawbackCode = "container_down"
	// DrawbackServiceDown: a service is down until it is mended.
	DrawbackServiceDown DrawbackCode = "service_down"
	// DrawbackRunsLess: what is started runs less often, or not at all.
	DrawbackRunsLess DrawbackCode = "runs_less"
	// DrawbackOneProcess: one process has to accept all connections.
	DrawbackOneProcess DrawbackCode = "one_process"
)

// Drawback is what a remedy costs. The zero Drawback stands for nothing.
type Drawback struct {
	Code DrawbackCode
	// Unit is the unit whose isolation is lost.
	Unit string
}
