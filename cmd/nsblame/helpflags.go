package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsblame/nsblame/internal/present/render"
)

// flagGroups are the headings of the help, and the flags below each. A verb has its own
// order of flags within them.
var flagGroups = []struct {
	title string
	flags []string
}{
	{"What to show", []string{"from", "match", "cause", "top", "all", "tree", "life", "sort", "by", "wide", "verbose"}},
	{"Which namespaces", []string{
		"since", "until", "unit", "comm", "container", "pod", "workload", "uid", "failed", "leaked", "older-than",
	}},
	{"Settings", []string{"config", "check", "ask"}},
	{"Who is answered", []string{"listen", "token-file", "tls-cert", "tls-key"}},
	{"Where to, and in which form", []string{"to", "out", "replace", "output", "color", "file", "record", "record-dir", "rotate-size", "rotate-files", "codec", "redact", "journal", "otlp", "otlp-headers", "otlp-spool", "otlp-spool-size"}},
	{"When to begin and to end", []string{"duration", "count", "follow", "ready-file", "fail-on"}},
	{"How to observe", []string{"attach", "no-bus", "cost"}},
	{"Limits", []string{"exec-wait", "start-wait", "name-wait", "buffer-size", "max-memory"}},
}

// fewFlags is how many need no groups.
const fewFlags = 4

// The layout of the help's flags. A flag whose name needs more has its text below.
const (
	helpWidth    = 80
	helpTextFrom = 26
)

// groupFlags has the help of a verb and all below it show flags in groups.
func groupFlags(root *cobra.Command) {
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := fmt.Fprint(cmd.OutOrStderr(), usageOf(cmd))
		return err
	})
}

// usageOf is what cobra's own template says, but for flags. A template calls methods by
// their names, so with one the linker keeps every method of the program: that is 3 MB.
func usageOf(cmd *cobra.Command) string {
	var b strings.Builder
	b.WriteString("Usage:")
	if cmd.Runnable() {
		b.WriteString("\n  " + cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\n  " + cmd.CommandPath() + " [command]")
	}
	if len(cmd.Aliases) > 0 {
		b.WriteString("\n\nAliases:\n  " + cmd.NameAndAliases())
	}
	if cmd.HasExample() {
		b.WriteString("\n\nExamples:\n" + cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\n\nAvailable Commands:")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "\n  %-*s %s", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if cmd.HasAvailableLocalFlags() {
		b.WriteString("\n\n" + helpOfFlags(cmd.LocalFlags()))
	}
	if cmd.HasAvailableInheritedFlags() {
		b.WriteString("\n\nGlobal Flags:\n" + strings.TrimRight(cmd.InheritedFlags().FlagUsages(), " \n"))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n\nUse \"%s [command] --help\" for more information about a command.", cmd.CommandPath())
	}
	b.WriteString("\n")
	return b.String()
}

// helpOfFlags is what the help says of flags.
func helpOfFlags(flags *pflag.FlagSet) string {
	groups := make([][]*pflag.Flag, len(flagGroups)+1)
	n := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		i := slices.IndexFunc(flagGroups, func(g struct {
			title string
			flags []string
		},
		) bool {
			return slices.Contains(g.flags, f.Name)
		})
		if i < 0 {
			i = len(flagGroups)
		}
		groups[i] = append(groups[i], f)
		n++
	})
	if n <= fewFlags {
		groups = [][]*pflag.Flag{slices.Concat(groups...)}
	}
	var parts []string
	for i, group := range groups {
		if len(group) == 0 {
			continue
		}
		title := "Flags"
		switch {
		case len(groups) > 1 && i < len(flagGroups):
			title = flagGroups[i].title
		case len(groups) > 1:
			title = "Other"
		}
		part := title + ":"
		for _, f := range group {
			part += "\n" + helpOfFlag(f)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "\n\n")
}

// helpOfFlag is a flag and what it does.
func helpOfFlag(f *pflag.Flag) string {
	value, usage := pflag.UnquoteUsage(f)
	head := "      --" + f.Name
	if f.Shorthand != "" {
		head = "  -" + f.Shorthand + ", --" + f.Name
	}
	switch {
	case f.NoOptDefVal != "" && value != "":
		head += "[=" + value + "]"
	case value != "":
		head += " " + value
	}
	if !isZero(f.DefValue) {
		usage += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	indent := strings.Repeat(" ", helpTextFrom)
	rows := render.Wrap(usage, helpWidth-helpTextFrom)
	if pad := helpTextFrom - len(head); pad >= 2 {
		return head + strings.Repeat(" ", pad) + strings.Join(rows, "\n"+indent)
	}
	return head + "\n" + indent + strings.Join(rows, "\n"+indent)
}

// isZero reports whether a default need not be said.
func isZero(value string) bool {
	return slices.Contains([]string{"", "0", "0s", "[]", "false"}, value)
}
