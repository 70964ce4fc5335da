package main

import (
	"errors"
	"fmt"
	"os/user"
	"path"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/stream/engine"
)

// filterFlags are the flags that choose which creations are printed. One that
// is given several times takes what any of its values takes; different ones
// must all agree.
type filterFlags struct {
	units, comms, containers, users []string
	failed                          bool

	// uids is users, resolved by validate.
	uids []uint32
}

func (f *filterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.units, "unit", nil, "only those created in this `unit` of the machine, or as user@UID/UNIT of a user's manager; may contain * ? []; repeatable")
	flags.StringArrayVar(&f.comms, "comm", nil, "only those created by a process of this `name`, before or after its exec; may contain * ? []; repeatable")
	flags.StringArrayVar(&f.containers, "container", nil, "only those created in the machine's container of this `id`, or of an id that begins so; user@UID/ID for a user's own; repeatable")
	flags.StringArrayVar(&f.users, "uid", nil, "only those created by this `user`, a number or a name; repeatable")
	flags.BoolVar(&f.failed, "failed", false, "only those that failed")
}

var (
	errEmptyValue = errors.New("an empty value")
	errBadUser    = errors.New("neither a user id nor the name of a user of this machine")
)

// validate checks the values and resolves the users.
func (f *filterFlags) validate() error {
	for _, flag := range []struct {
		name    string
		values  []string
		pattern bool
	}{
		{"unit", f.units, true},
		{"comm", f.comms, true},
		{"container", f.containers, false},
	} {
		for _, v := range flag.values {
			if err := validateValue(v, flag.pattern); err != nil {
				return fmt.Errorf("--%s %q: %w", flag.name, v, err)
			}
		}
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
		FailedOnly: f.failed,
	}
}

func validateValue(v string, pattern bool) error {
	if v == "" {
		return errEmptyValue
	}
	if !pattern {
		return nil
	}
	_, err := path.Match(v, "")
	return err
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
