package render

import (
	"fmt"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/unit"
)

// kindWords has the words for each kind of link.
var kindWords = map[finding.Kind]string{
	finding.KindCreator: "creator",
	finding.KindLoader:  "loader",
	finding.KindUnit:    "unit",
	finding.KindSetting: "setting",
	finding.KindBecause: "because",
	finding.KindAskedBy: "asked by",
}

// kindText is a kind of link in words, or its code where it has none.
func kindText(k finding.Kind) string { return inWords(kindWords, k) }

// causeText is what a link says in words. It may hold any byte.
func causeText(c finding.Cause) string {
	switch c := c.(type) {
	case finding.Setting:
		return settingText(&c.UnitSetting)
	case finding.SettingUnknown:
		return "made by the manager for one of the unit's settings; which is not known: " + reasonText(c.Why)
	case finding.SettingMissing:
		return "made by the manager, but none of the unit's settings that are in force now does that"
	case finding.OwnProgram:
		return "none: the unit's own program made it"
	case finding.BusActivation:
		return activationText(&c)
	case finding.Job:
		return jobText(&c)
	case finding.Restart:
		return restartText(&c)
	case finding.Dependency:
		return "dependency of " + c.Of + " (" + c.Property + ")"
	case finding.Triggered:
		return string(c.Trigger) + " " + c.Unit + connectionText(c.Connection)
	case finding.Outcome:
		return outcomeText(&c)
	case finding.Boot:
		return bootText(&c)
	case finding.EngineRequest:
		return engineText(&c)
	case finding.ContainerRestart:
		return containerRestartText(&c)
	case finding.EngineStart:
		return engineStartText(&c)
	case finding.GuestUnit:
		return guestRanText(&c)
	}
	return ""
}

// settingText is a setting and where it stands.
func settingText(s *event.UnitSetting) string {
	text := s.Name + "=" + s.Value
	if s.File != "" {
		text += fmt.Sprintf(" at %s:%d", s.File, s.Line)
	}
	return text
}

func activationText(a *finding.BusActivation) string {
	text := "D-Bus activation of "
	if a.BusName != "" {
		text += a.BusName
	} else {
		text += a.Unit
	}
	if a.Waiting > 0 {
		text += fmt.Sprintf(", for which %d more waited", a.Waiting)
	}
	return text
}

func jobText(j *finding.Job) string {
	if j.Unit == "" {
		return j.Method
	}
	return j.Method + " of " + j.Unit
}

func restartText(r *finding.Restart) string {
	text := "automatic restart"
	if r.Policy != "" {
		text += " by Restart=" + r.Policy
	}
	text += fmt.Sprintf(", %d so far", r.Count)
	if r.Ended == nil {
		return text
	}
	s := exitStatus(*r.Ended)
	if s.signal != 0 {
		return text + fmt.Sprintf("; the run before was ended by signal %d", s.signal)
	}
	return text + fmt.Sprintf("; the run before ended with exit code %d", s.code)
}

func connectionText(from *unit.Accepted) string {
	switch {
	case from == nil:
		return ""
	case from.PID != 0:
		return fmt.Sprintf(", a connection from pid %d, uid %d", from.PID, from.UID)
	case from.Remote != "":
		return ", a connection from " + from.Remote
	}
	return ""
}

func outcomeText(o *finding.Outcome) string {
	if o.Failed {
		return "failure of " + o.Of + ", which has it as OnFailure="
	}
	return "end of " + o.Of + ", which has it as OnSuccess="
}

func bootText(b *finding.Boot) string {
	if b.Manager == event.ManagerUser {
		return "started with the user's manager"
	}
	return "started with the machine"
}

// guestRanText says that a service manager in a container ran a unit. It may hold any byte.
func guestRanText(g *finding.GuestUnit) string {
	return fmt.Sprintf("the service manager inside container %s ran %s; who asked it to is not followed into the container", briefID(g.Container.ID), g.Unit)
}

// unitCutText stands where a manager said more of a unit than was kept.
const unitCutText = "the manager says more of this unit than is kept: names or dependents may be missing"
