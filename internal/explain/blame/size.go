package blame

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
)

// The budgets of a Blamer, in bytes.
const (
	waitingBudget = 6 << 20
	initBudget    = 256 << 10
	answerBudget  = 2 << 20
	askedBudget   = 512 << 10
	runBudget     = 1 << 20
	endBudget     = 1 << 20

	containerBudget = 384 << 10
	inquiredBudget  = 64 << 10
	madeBudget      = 768 << 10
	latestBudget    = 128 << 10
	enginesBudget   = 32 << 10
	lateBudget      = 512 << 10
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
		{Name: "blame: facts of containers", Bytes: containerBudget},
		{Name: "blame: questions about containers", Bytes: inquiredBudget},
		{Name: "blame: runs of containers", Bytes: madeBudget + latestBudget},
		{Name: "blame: engines of containers", Bytes: enginesBudget},
		{Name: "blame: creations shown without whom they are for", Bytes: lateBudget},
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

// shareOfNeed is whose share waiting for something takes up.
func shareOfNeed(n need) event.Owner {
	if q, ok := n.(event.Question); ok {
		return share(q)
	}
	return bounded.ShareOfUser(0)
}

func sizeOfQuestion(q event.Question) uint64 { return questionSize + uint64(len(q.Unit)) }

// containerSize is what an answer about a container takes in memory.
func containerSize(a *event.Container) uint64 {
	return bounded.Text([]string{
		a.Question.Runtime, a.Question.Namespace, a.Question.ID, a.Question.Bundle, a.Why, a.Name, a.Image, a.RestartPolicy,
		a.ComposeProject, a.ComposeService, a.PodNamespace, a.PodName, a.PodUID, a.Sandbox, a.NetnsPath,
	})
}

// UnitSize is what an answer takes in memory.
func UnitSize(u *event.Unit) uint64 {
	s := &u.Unit
	size := unitSize + sizeOfQuestion(u.Question) + uint64(len(u.Why)+len(u.Boot.Version))
	for _, text := range []string{
		s.Name, s.LoadState, s.SubState, s.FragmentPath, s.BusName, s.NetworkNamespacePath, s.Type, s.Restart,
	} {
		size += uint64(len(text))
	}
	for _, list := range [][]string{s.Names, s.DropInPaths, s.JoinsNamespaceOf, s.Problems, s.TriggeredBy, s.Listens} {
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
