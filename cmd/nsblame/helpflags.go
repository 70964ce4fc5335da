package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"

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

// addFlagGroups makes the layout known to cobra, whose table of functions serves all
// commands of the process and may not be written twice at a time.
var addFlagGroups = sync.OnceFunc(func() { cobra.AddTemplateFunc("flagGroups", helpOfFlags) })

// groupFlags has the help of a verb and all below it show flags in groups.
func groupFlags(root *cobra.Command) {
	const before, plain = "\n\nFlags:\n", "{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}"
	usage := root.UsageTemplate()
	if strings.Count(usage, before+plain) != 1 {
		panic("cobra lays flags out in another way than it did")
	}
	addFlagGroups()
	root.SetUsageTemplate(strings.Replace(usage, before+plain, "\n\n{{flagGroups .LocalFlags}}", 1))
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
