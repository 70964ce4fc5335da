package main

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagLine begins the help of a flag.
var flagLine = regexp.MustCompile(`^(      |  -\w, )--`)

// helpOf is the help of each verb of ours.
func helpOf(t *testing.T, check func(cmd *cobra.Command, help string)) {
	t.Helper()
	root := newRootCmd()
	for _, cmd := range append(root.Commands(), root) {
		if cmd.Name() == "completion" || cmd.Hidden {
			continue // cobra wrote that
		}
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.InitDefaultHelpFlag()
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		check(cmd, out.String())
	}
}

// The help fits a terminal, has each flag once, and in a group where there are many.
func TestHelpFits(t *testing.T) {
	helpOf(t, func(cmd *cobra.Command, help string) {
		for line := range strings.Lines(help) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > helpWidth {
				t.Errorf("%s: %d columns: %s", cmd.Name(), n, line)
			}
		}
		n := 0
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			n++
			count := 0
			for line := range strings.Lines(help) {
				head := line[:min(len(line), helpTextFrom)] // longer names begin there, too
				if words := strings.FieldsFunc(head, func(r rune) bool { return strings.ContainsRune(" [\n", r) }); flagLine.MatchString(line) && slices.Contains(words, "--"+f.Name) {
					count++
				}
			}
			if count != 1 {
				t.Errorf("%s: --%s is there %d times", cmd.Name(), f.Name, count)
			}
		})
		if grouped := strings.Contains(help, "\nWhich namespaces:\n") || strings.Contains(help, "\nLimits:\n"); grouped != (n > fewFlags && cmd.Name() != "doctor") {
			t.Errorf("%s has %d flags, and groups: %v", cmd.Name(), n, grouped)
		}
		if other := strings.Index(help, "\nOther:\n"); other >= 0 && strings.Contains(help[other+8:], "\n      --") {
			t.Errorf("%s: a flag is in no group:%s", cmd.Name(), help[other:])
		}
	})
}

// Each flag of the groups is one of some verb.
func TestFlagGroupsHaveFlags(t *testing.T) {
	known := map[string]bool{}
	for _, cmd := range newRootCmd().Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
	}
	for _, g := range flagGroups {
		for _, name := range g.flags {
			if !known[name] {
				t.Errorf("no verb has --%s", name)
			}
		}
	}
}
