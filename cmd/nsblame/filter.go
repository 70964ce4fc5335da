package main

import (
	"errors"
	"fmt"
	"io"
	"os/user"
	"path"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/condition"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/engine"
)

// filterFlags are the flags that choose which creations are printed. One that
// is given several times takes what any of its values takes; different ones
// must all agree.
type filterFlags struct {
	units, comms, containers, users []string
	pods, workloads                 []string
	failed                          bool

	// uids is users, resolved by validate.
	uids []uint32
}

func (f *filterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.units, "unit", nil, "only those created in this `unit` of the machine, or as user@UID/UNIT of a user's manager; cron is cron.service; may contain * ? []; repeatable")
	flags.StringArrayVar(&f.comms, "comm", nil, "only those created by a process of this `name`, before or after its exec; may contain * ? []; repeatable")
	flags.StringArrayVar(&f.containers, "container", nil, "only those for the machine's container of this `name`, or of an id that begins so; user@UID/NAME for a user's own; may contain * ? []; repeatable")
	flags.StringArrayVar(&f.pods, "pod", nil, "only those for the pod of this `name`, or for NAMESPACE/NAME; may contain * ? []; repeatable")
	flags.StringArrayVar(&f.workloads, "workload", nil, "only those for pods of the Job, CronJob, Deployment, ... of this `name`, or of KIND/NAME; may contain * ? []; repeatable")
	flags.StringArrayVar(&f.users, "uid", nil, "only those created by this `user`, a number or a name; repeatable")
	flags.BoolVar(&f.failed, "failed", false, "only those that failed")
	for _, flag := range []string{"unit", "comm", "container", "pod", "workload"} {
		completeNames(cmd, flag)
	}
	complete(cmd, "uid", completeUsers)
}

var (
	errEmptyValue = errors.New("an empty value")
	errBadUser    = errors.New("neither a user id nor the name of a user of this machine")
)

// validate checks the values and resolves the users.
func (f *filterFlags) validate() error {
	for _, flag := range []struct {
		name   string
		values []string
	}{
		{"unit", f.units},
		{"comm", f.comms},
		{"container", f.containers},
		{"pod", f.pods},
		{"workload", f.workloads},
	} {
		for _, v := range flag.values {
			if err := validateValue(v); err != nil {
				return fmt.Errorf("--%s %q: %w", flag.name, v, err)
			}
		}
	}
	for i, unit := range f.units {
		completed, err := finding.UnitPattern(unit)
		if err != nil {
			return fmt.Errorf("--unit %q: %w", unit, err)
		}
		f.units[i] = completed
	}
	f.uids = nil
	for _, name := range f.users {
		uid, err := lookUpUser(name)
		if err != nil {
			return fmt.Errorf("--uid %q: %w", name, err)
		}
		f.uids = append(f.uids, uid)
	}
	return nil
}

// engineFilter returns the filter that the flags, once validated, stand for.
func (f *filterFlags) engineFilter() engine.Filter {
	return engine.Filter{
		Units: f.units, Comms: f.comms, Containers: f.containers, UIDs: f.uids,
		Pods: f.pods, Workloads: f.workloads, FailedOnly: f.failed,
	}
}

func validateValue(v string) error {
	if v == "" {
		return errEmptyValue
	}
	_, err := path.Match(v, "")
	return err
}

// unmatched is a consumer that keeps the values of a filter that have matched nothing,
// and the conditions on units of which none was seen, running or creating.
type unmatched struct {
	items  []engine.Item
	unseen []condition.Condition
}

func newUnmatched(f engine.Filter, failOn failOnFlag) *unmatched {
	u := &unmatched{items: f.Items()}
	for _, c := range failOn.conditions {
		if c.OfUnit() {
			u.unseen = append(u.unseen, c)
		}
	}
	return u
}

// Consume implements finding.Consumer.
func (u *unmatched) Consume(f finding.Finding) error {
	if len(u.items)+len(u.unseen) == 0 {
		return nil
	}
	var k finding.Attribution
	switch f := f.(type) {
	case *finding.Observed:
		u.observe(f.Body)
		return nil
	case *finding.Created:
		k = *f.Attribution
		u.see(&k.Placement)
		u.see(&k.Origin.Placement)
	case *finding.NetnsFor:
		k = *f.Created
		k.For = f.For
	default:
		return nil
	}
	u.items = slices.DeleteFunc(u.items, func(i engine.Item) bool { return i.Match(&k) })
	return nil
}

// observe looks for units in what is running.
func (u *unmatched) observe(b event.Body) {
	if len(u.unseen) == 0 {
		return
	}
	switch b := b.(type) {
	case *event.Cgroup:
		place := cgroup.Parse(b.Path)
		u.see(&place)
	case *event.Active:
		for i := range b.Cgroups {
			place := cgroup.Parse(b.Cgroups[i].Path)
			u.see(&place)
		}
	}
}

func (u *unmatched) see(place *cgroup.Placement) {
	u.unseen = slices.DeleteFunc(u.unseen, func(c condition.Condition) bool { return finding.MatchUnit(c.Pattern, place) })
}

// warn names the values that have matched nothing in the whole run: a name may be
// misspelt.
func (u *unmatched) warn(w io.Writer) {
	for _, i := range u.items {
		fmt.Fprintf(w, "nsblame: --%s %q matched nothing in the whole run\n", i.Flag, i.Value)
	}
	for _, c := range u.unseen {
		fmt.Fprintf(w, "nsblame: --fail-on %s: no unit of that name was seen\n", render.Sentence(c.String()))
	}
}

// lookUpUser takes a number or a name. A number needs no entry in the user
// database: containers and services have uids without one.
func lookUpUser(name string) (uint32, error) {
	if uid, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(uid), nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, errBadUser
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return 0, errBadUser
	}
	return uint32(uid), nil
}
