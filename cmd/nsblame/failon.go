package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/condition"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/present/render"
)

// failOnHelp explains --fail-on in the help of each verb that has it.
const failOnHelp = `--fail-on CONDITION makes the exit code 4 if the condition was met, and names
the condition on stderr. These conditions look at the creations that pass the
filters:
  created            a namespace was created
  created-by=UNIT    a namespace was created in this unit
  caused-by=ORIGIN   a creation, or a failed attempt, has its origin in this
                     unit; or in pod/POD, workload/NAME or container/ID
  for-pod=POD        a creation, or a failed attempt, was for this pod
  for-workload=NAME  one was for a pod of this Job, CronJob or Deployment
  for-container=ID   one was for this container, by its id or its name
  failed             a creation failed
  leaked             a namespace was still alive at the end; exit code 3 where
                     the end of namespaces cannot be seen
  unknown            the origin of a creation is not known
This condition looks at everything:
  lost               events were lost, or cannot be read
Names may contain * ? [] as in a shell. UNIT is a unit of the machine's own
manager, and cron is cron.service; user@UID/UNIT is one of a user's. POD may be
NAMESPACE/NAME, and the NAME of a workload KIND/NAME. If events were lost, a
condition that might have been met counts as met.`

// failOnFlag is --fail-on, a set of conditions.
type failOnFlag struct {
	conditions []condition.Condition
	// judge holds the run against them, nil without any.
	judge *condition.Judge
}

// String returns the conditions.
func (f *failOnFlag) String() string {
	var list []string
	for _, c := range f.conditions {
		list = append(list, c.String())
	}
	return strings.Join(list, ",")
}

// Type names the value in the help.
func (f *failOnFlag) Type() string { return "condition" }

// Set adds a condition.
func (f *failOnFlag) Set(s string) error {
	c, err := condition.Parse(s)
	if err == nil && !slices.Contains(f.conditions, c) {
		f.conditions = append(f.conditions, c)
	}
	return err
}

func (f *failOnFlag) add(cmd *cobra.Command) {
	cmd.Flags().Var(f, "fail-on", "exit with code 4 if this was met: "+strings.Join(condition.Names, ", ")+"; repeatable")
	complete(cmd, "fail-on", completeConditions)
}

// consumers judge the run by the conditions.
func (f *failOnFlag) consumers() []finding.Consumer {
	if len(f.conditions) == 0 {
		return nil
	}
	f.judge = condition.NewJudge(f.conditions)
	return []finding.Consumer{f.judge}
}

// finish returns the error of a run. If there was none, it returns that a condition
// was met. A reader that went away does not hide that. Neither does a damaged
// recording, which is reported as well.
func (f *failOnFlag) finish(err error) error {
	var damaged *damagedError
	if f.judge == nil || err != nil && !errors.Is(err, errOutputClosed) && !errors.As(err, &damaged) {
		return err
	}
	verdict := f.verdict()
	if verdict != nil && damaged == nil {
		return verdict
	}
	return join(err, verdict)
}

// verdict is the error for what was met or can't be judged.
func (f *failOnFlag) verdict() error {
	met, unjudged := f.judge.Verdict()
	switch {
	case unjudged != nil:
		return unjudged
	case len(met) > 0:
		return &conditionError{met}
	}
	return nil
}

// conditionError says that conditions of --fail-on were met.
type conditionError struct{ met []condition.Met }

func (e *conditionError) Error() string {
	var list []string
	for _, m := range e.met {
		list = append(list, render.ConditionText(m))
	}
	return fmt.Sprintf("--fail-on %s", strings.Join(list, "; "))
}
