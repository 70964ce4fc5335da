package blame

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/unit"
)

// For a unit with PrivateNetwork=yes the manager's child makes the namespace after
// the fork and before the exec (src/core/exec-invoke.c, exec_invoke;
// src/core/namespace.c, setup_shareable_ns). From systemd 254 on the child is a
// program of its own by then, systemd-executor. unit.NetworkOf knows what the
// settings of a unit do.

// settings adds which of the unit's settings made the namespace.
func (s *solver) settings(f *facts, byManager bool) {
	if !f.known {
		if byManager {
			s.setting(f.owner, evidence.Unknown, finding.SettingUnknown{Why: f.whyUnanswered()})
		}
		return
	}
	network := unit.NetworkOf(f.state)
	s.out.Settings = network.Settings
	s.out.Unanswered.Cut = f.state.Cut
	// A transient unit's files are the manager's own, and gone when it is over.
	if !f.state.Transient && slices.ContainsFunc(network.Settings, func(s event.UnitSetting) bool { return s.File == "" }) {
		s.out.Unanswered.Problems = f.state.Problems
	}
	switch {
	case !byManager:
		s.setting(f.owner, evidence.Manager, finding.OwnProgram{})
	case !network.Effect.Creates():
		s.setting(f.owner, evidence.Unknown, finding.SettingMissing{})
	default:
		for _, set := range network.Settings {
			s.setting(f.owner, evidence.Evidence(set.Source), finding.Setting{UnitSetting: set})
		}
	}
}
