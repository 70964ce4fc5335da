package finding

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Kind is the kind of step that a Link takes.
type Kind string

// The kinds of links.
const (
	// KindCreator: the process that created the namespace. Every chain of a
	// creation begins with it; it is not among an Attribution's Links.
	KindCreator Kind = "creator"
	// KindLoader: the process that loaded a module, likewise.
	KindLoader Kind = "loader"
	// KindUnit: the unit that this process runs in, likewise.
	KindUnit Kind = "unit"
	// KindSetting: which of the unit's settings made the namespace. Its Cause is
	// a Setting, a SettingUnknown, a SettingMissing or an OwnProgram.
	KindSetting Kind = "setting"
	// KindBecause: what began a run of a unit.
	KindBecause Kind = "because"
	// KindAskedBy: the process that made a request.
	KindAskedBy Kind = "asked_by"
)

// Link is one step of the chain from a namespace towards its origin.
type Link struct {
	// Kind is the kind of step.
	Kind Kind
	// Evidence is what it rests on, and Why says why it is no better, if there is more
	// to say.
	Evidence evidence.Evidence
	Why      Reason
	// Cause is what the link says, nil if its Process says it all.
	Cause Cause
	// Process is the process that the link is about, if it is about one, with
	// its Ancestry.
	Process  *lineage.Process
	Ancestry []lineage.Process
	// Unit is the unit that the link is about, if it is about one. Manager is whose
	// unit it is, OwnerUID the user with ManagerUser.
	Unit     string
	Manager  event.Manager
	OwnerUID uint32
}

// Code says for programs what the link says.
func (l *Link) Code() Code {
	if l.Cause == nil {
		return Code(l.Kind)
	}
	return l.Cause.Code()
}

// Activation returns the D-Bus activation that the link is about, if it is
// about one.
func (l *Link) Activation() (BusActivation, bool) {
	a, ok := l.Cause.(BusActivation)
	return a, ok
}

// Restart returns the automatic restart that the link is about, nil if it is
// about none.
func (l *Link) Restart() *Restart {
	if _, ok := l.Cause.(Restart); !ok {
		return nil
	}
	r := l.Cause.(Restart)
	return &r
}
