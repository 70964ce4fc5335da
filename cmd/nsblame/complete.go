package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/condition"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/stream/engine"
)

const (
	// completionTime bounds what a person waits for after the tab key.
	completionTime = time.Second
	// maxCompletions bounds how many values are offered.
	maxCompletions = 500
)

// completeRecordings offers recordings as arguments.
func completeRecordings(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"avro"}, cobra.ShellCompDirectiveFilterFileExt
}

// complete has a flag's values completed.
func complete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // there is no such flag, or it was done before
	}
}

// completeNames has a flag's values completed by the names that a recording among the
// arguments or of --from has, or else by those of this machine.
func completeNames(cmd *cobra.Command, flag string) {
	complete(cmd, flag, func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			args = completedFrom(cmd)
		}
		return namesFor(cmd.Context(), flag, args, begun), cobra.ShellCompDirectiveNoFileComp
	})
}

// completedFrom are the files behind --from, none where there is no such flag. For a
// completion cobra parses a command line twice, and a list has everything twice then.
func completedFrom(cmd *cobra.Command) []string {
	from, err := cmd.Flags().GetStringArray("from")
	if err != nil {
		return nil
	}
	if half := len(from) / 2; slices.Equal(from[:half], from[half:]) {
		return from[:half]
	}
	return from
}

// namesFor are the values that may be meant by a flag.
func namesFor(ctx context.Context, flag string, files []string, begun string) []cobra.Completion {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	found := make(nameSet)
	switch {
	case len(files) > 0:
		found.fromRecording(ctx, flag, files)
	case flag == "unit":
		found.add(listUnits()...)
	default:
		found.fromMachine(ctx, flag)
	}
	return found.beginning(begun)
}

// nameSet gathers names. Only those are taken that mean themselves to every shell, and
// on a terminal.
type nameSet map[string]bool

func (s nameSet) add(names ...string) {
	for _, name := range names {
		if name != "" && len(s) < maxCompletions && !strings.ContainsFunc(name, unusual) {
			s[name] = true
		}
	}
}

func unusual(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@_.:/+-", r))
}

func (s nameSet) beginning(begun string) []cobra.Completion {
	var list []cobra.Completion
	for name := range s {
		if strings.HasPrefix(name, begun) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// fromRecording adds what the creations in the first second of reading a recording have.
func (s nameSet) fromRecording(ctx context.Context, flag string, files []string) {
	if slices.Contains(files, "-") {
		return
	}
	src, err := openRecorded(ctx, files, false, bytes.NewReader(nil), io.Discard)
	if err != nil {
		return
	}
	// what fails to be read offers nothing
	_, _ = engine.Run(ctx, src, engine.Options{Consumers: []finding.Consumer{naming{s, flag}}})
	_ = src.Close()
}

// naming is a consumer that adds the names that a flag would match.
type naming struct {
	names nameSet
	flag  string
}

// Consume implements finding.Consumer.
func (n naming) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Created:
		n.names.add(n.of(f.Attribution, f.Attribution.For)...)
	case *finding.NetnsFor:
		n.names.add(n.of(f.Created, f.For)...)
	}
	return nil
}

func (n naming) of(c *finding.Attribution, to *finding.For) []string {
	switch n.flag {
	case "unit":
		return c.Placement.UnitNames()
	case "caused-by":
		return c.Origin.Placement.UnitNames()
	case "comm":
		return commsOf(&c.Process, c.Child)
	case "uid":
		return []string{strconv.FormatUint(uint64(c.Process.UID), 10)}
	}
	return beneficiaryNames(n.flag, to, c.Placement.Container)
}

func commsOf(list ...*lineage.Process) []string {
	var names []string
	for _, p := range list {
		for ; p != nil; p = p.Exec {
			names = append(names, p.Comm)
		}
	}
	return names
}

// beneficiaryNames are the names of for whom a namespace is that a flag takes.
func beneficiaryNames(flag string, to *finding.For, in *cgroup.Container) []string {
	var names []string
	switch {
	case to == nil && flag == "container" && in != nil && !in.Claimed:
		names = append(names, briefly(in.ID))
	case to == nil:
	case flag == "pod" && to.Pod != nil && to.Pod.Name != "":
		names = append(names, to.Pod.Namespace+"/"+to.Pod.Name)
	case flag == "workload" && to.Pod != nil && to.Pod.Workload != nil:
		names = append(names, strings.ToLower(to.Pod.Workload.Kind)+"/"+to.Pod.Workload.Name)
	case flag == "container" && to.Container != nil && to.Container.Name != "":
		names = append(names, to.Container.Name)
	case flag == "container" && to.Container != nil:
		names = append(names, briefly(to.Container.ID))
	}
	return names
}

// briefly is an id as short as docker shows it.
func briefly(id string) string { return id[:min(12, len(id))] }

// conditionFlags are the flags whose values the conditions with a name take.
var conditionFlags = map[string]string{
	condition.CreatedBy: "unit", condition.CausedBy: "caused-by", condition.ForPod: "pod",
	condition.ForWorkload: "workload", condition.ForContainer: "container",
}

// completeConditions completes --fail-on: the condition, and then its name.
func completeConditions(cmd *cobra.Command, files []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	name, value, valued := strings.Cut(begun, "=")
	flag := conditionFlags[name]
	if !valued || flag == "" {
		return condition.Names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	if len(files) == 0 && flag == "caused-by" {
		flag = "unit"
	}
	var list []cobra.Completion
	for _, found := range namesFor(cmd.Context(), flag, files, value) {
		list = append(list, name+"="+found)
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// userDatabase has the users of this machine.
var userDatabase = "/etc/passwd"

// completeUsers completes --uid.
func completeUsers(cmd *cobra.Command, files []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(files) > 0 {
		return namesFor(cmd.Context(), "uid", files, begun), cobra.ShellCompDirectiveNoFileComp
	}
	users := make(nameSet)
	text, _ := os.ReadFile(userDatabase) // without it there are none to offer
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, ":")
		users.add(name)
	}
	return users.beginning(begun), cobra.ShellCompDirectiveNoFileComp
}
