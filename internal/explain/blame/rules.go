package blame

// verdict is what a rule says.
type verdict int

const (
	// no: the rule does not apply.
	no verdict = iota
	// yes: it applies, and has carried the chain on to its end.
	yes
	// blocked: that is open until a manager has answered.
	blocked
)

// rule looks for one kind of beginning of a run.
type rule struct {
	name  string
	judge func(*solver, *facts) verdict
}

// rules are tried in this order until one does not say no. Certain signs come first,
// then matching times, then what is left when nothing else can have begun the run.
//
// It is a function because a rule may carry the chain on to another run, for which
// all rules are tried again.
func rules() []rule {
	return []rule{
		{"restart of the main process", restartedMain},
		{"request", requested},
		{"restart by count", restartedByCount},
		{"trigger", triggered},
		{"dependency of what was asked for", dependencyOfRequest},
		{"dependency of what a timer started", dependencyOfTimer},
		{"end of another unit", endedOther},
		{"boot", booted},
		{"device", deviceAppeared},
		{"request without a sign", requestedUnseen},
		{"only trigger", onlyTrigger},
		{"transient trigger", transientTrigger},
		{"unknown", notKnown},
	}
}
