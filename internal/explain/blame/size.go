package blame

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
)

// The budgets of a Blamer, in bytes.
const (
	waitingBudget = 6 << 20
	initBudget    = 256 << 10
	answerBudget  = 3 << 20
	askedBudget   = 512 << 10
	runBudget     = 1 << 20
	endBudget     = 1 << 20
)

// Budgets returns the bounds of a Blamer.
func Budgets() []bounded.Budget {
	return []bounded.Budget{
		{Name: "blame: creations that wait for an answer", Bytes: waitingBudget},
		{Name: "blame: modules that wait for an answer", Bytes: initBudget},
		{Name: "blame: answers of managers", Bytes: answerBudget},
		{Name: "blame: questions", Bytes: 2 * askedBudget},
		{Name: "blame: runs of units", Bytes: runBudget},
		{Name: "blame: ends of processes", Bytes: endBudget},
	}
}

// The sizes of what has no strings, in bytes.
const (
	questionSize = 64
	unitSize     = 560
	settingSize  = 88
	runSize      = 112
	endSize      = 160
)

// share is whose share a question to a manager takes up.
func share(q event.Question) event.Owner {
	if q.Manager == event.ManagerUser {
		return bounded.ShareOfUser(q.UID)
	}
	return bounded.ShareOfUser(0)
}

func sizeOfQuestion(q event.Question) uint64 { return questionSize + uint64(len(q.Unit)) }

// UnitSize is what an answer takes in memory.
func UnitSize(u *event.Unit) uint64 {
	s := &u.Unit
	size := unitSize + sizeOfQuestion(u.Question) + uint64(len(u.Why)+len(u.Boot.Version))
	for _, text := range []string{
		s.Name, s.LoadState, s.SubState, s.FragmentPath, s.BusName, s.NetworkNamespacePath, s.Type, s.Restart,
	} {
		size += uint64(len(text))
	}
	for _, list := range [][]string{s.Names, s.DropInPaths, s.JoinsNamespaceOf, s.Problems, s.TriggeredBy} {
		size += bounded.Text(list)
	}
	for i := range s.Settings {
		set := &s.Settings[i]
		size += settingSize + uint64(len(set.Name)+len(set.Value)+len(set.File))
	}
	for _, d := range s.Dependents {
		size += 32 + uint64(len(d.Name)+len(d.Dependency))
	}
	return size
}
