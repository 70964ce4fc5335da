package finding

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/unit"
)

// Code names a kind of cause. It never changes once it was released.
type Code string

// The codes of causes.
const (
	CodeSetting        Code = "unit_setting"
	CodeSettingUnknown Code = "setting_unknown"
	CodeSettingMissing Code = "setting_missing"
	CodeOwnProgram     Code = "own_program"
	CodeBusActivation  Code = "bus_activation"
	CodeJob            Code = "job"
	CodeRestart        Code = "automatic_restart"
	CodeDependency     Code = "dependency"
	CodeTriggered      Code = "triggered"
	CodeBoot           Code = "boot"
	CodeFailure        Code = "failure"
	CodeSuccess        Code = "success"
	CodeEngine         Code = "engine_request"
	CodeContainer      Code = "container_restart"
	CodeEngineStart    Code = "engine_start"
	CodeGuestUnit      Code = "guest_unit"
)

// Cause is what a Link says: one of the types of this file. Strings in it may
// hold any byte.
type Cause interface{ Code() Code }

// Setting is a setting of the unit that made the namespace.
type Setting struct{ event.UnitSetting }

// SettingUnknown says that the manager made the namespace for a setting that is
// not known.
type SettingUnknown struct {
	// Why says why it is not.
	Why Reason
}

// SettingMissing says that the manager made the namespace, but that no setting
// now in force does so.
type SettingMissing struct{}

// OwnProgram says that no setting made the namespace, but the unit's program.
type OwnProgram struct{}

// BusActivation is the start of a service for a bus name.
type BusActivation struct {
	// BusName is the well-known name, empty where it is not known.
	BusName string
	// Unit is the unit that the bus asked for, maybe by an alias.
	Unit string
	// Waiting counts the further calls that waited for the same start.
	Waiting int
}

// Job is a request to a manager.
type Job struct {
	// Method is the method that was called.
	Method string
	// Unit is the unit as the caller named it, empty if the method names none.
	Unit string
}

// Restart is an automatic restart of a service.
type Restart struct {
	// Policy is the service's Restart=, empty where unknown.
	Policy string
	// Count is the number of automatic restarts so far.
	Count uint32
	// Ended is how the run before ended (event.Process.ExitCode), nil if that
	// was not seen.
	Ended *uint32
}

// Dependency says that another unit pulled this one in.
type Dependency struct {
	// Of is the unit that depends.
	Of string
	// Property is the manager's property that says how (WantedBy).
	Property string
}

// Triggered is a start by a timer, socket, path or device unit.
type Triggered struct {
	// Trigger is the kind of unit.
	Trigger Trigger
	// Unit is its name.
	Unit string
	// Connection is the connection that a socket unit accepted, nil for others.
	Connection *unit.Accepted
}

// Outcome says that the end of another unit started this one, by its OnFailure= or
// OnSuccess=.
type Outcome struct {
	// Of is the unit that ended.
	Of string
	// Failed is set if it failed.
	Failed bool
}

// Boot is a start together with a manager.
type Boot struct {
	// Manager is ManagerSystem for the machine's own.
	Manager event.Manager
}

// EngineRequest is a request to a container engine.
type EngineRequest struct {
	// Engine is who was asked, Call what for.
	Engine event.Engine
	Call   event.EngineCall
	// Container is the container as the request names it, empty if it names none.
	Container string
	// Pod is the pod that was asked for, with event.EngineRunSandbox.
	Pod *Pod
}

// ContainerRestart says that a container was restarted by its restart policy.
type ContainerRestart struct {
	// Container is the container, with its policy.
	Container Container
	// Ended is how the run before ended (event.Process.ExitCode), nil if that was not
	// seen.
	Ended *uint32
}

// EngineStart says that an engine brought a container up when it started itself.
type EngineStart struct {
	// Engine is the engine, Container the container.
	Engine    event.Engine
	Container Container
}

// GuestUnit says that the service manager in a container ran one of its own units. Who
// asked that manager is not followed.
type GuestUnit struct {
	Container cgroup.Container
	// Unit is as in cgroup.Placement.GuestUnit.
	Unit string
}

// Code implements Cause.
func (GuestUnit) Code() Code { return CodeGuestUnit }

// Code implements Cause.
func (EngineRequest) Code() Code { return CodeEngine }

// Code implements Cause.
func (ContainerRestart) Code() Code { return CodeContainer }

// Code implements Cause.
func (EngineStart) Code() Code { return CodeEngineStart }

// Code implements Cause.
func (Setting) Code() Code { return CodeSetting }

// Code implements Cause.
func (SettingUnknown) Code() Code { return CodeSettingUnknown }

// Code implements Cause.
func (SettingMissing) Code() Code { return CodeSettingMissing }

// Code implements Cause.
func (OwnProgram) Code() Code { return CodeOwnProgram }

// Code implements Cause.
func (BusActivation) Code() Code { return CodeBusActivation }

// Code implements Cause.
func (Job) Code() Code { return CodeJob }

// Code implements Cause.
func (Restart) Code() Code { return CodeRestart }

// Code implements Cause.
func (Dependency) Code() Code { return CodeDependency }

// Code implements Cause.
func (Triggered) Code() Code { return CodeTriggered }

// Code implements Cause.
func (o Outcome) Code() Code {
	if o.Failed {
		return CodeFailure
	}
	return CodeSuccess
}

// Code implements Cause.
func (Boot) Code() Code { return CodeBoot }
