package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootHelp = `nsblame shows who keeps creating network namespaces on this machine, and why.

Data goes to stdout. Progress and errors go to stderr. NO_COLOR is obeyed.

Exit codes:
  0  done; also after Ctrl-C, or when the reader of stdout has gone
  1  failed
  2  the command line is wrong
  3  this kernel or these rights do not allow it: see nsblame doctor
  4  a --fail-on condition was met, or cannot be ruled out`

func newRootCmd() *cobra.Command {
	var showVersion *bool
	root := &cobra.Command{
		Use:   "nsblame",
		Short: "Show who keeps creating network namespaces, and why",
		Long:  rootHelp,
		// Errors are printed by printError, with a hint in place of the usage.
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		// Two letters swapped are a distance of 2.
		SuggestionsMinimumDistance: 2,
		// cobra takes a wrong verb for an argument of the root command.
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case *showVersion:
				_, err := fmt.Fprintln(cmd.OutOrStdout(), versionText(readVersion()))
				return err
			case len(args) > 0:
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	// cobra's own goes through templates, see usageOf
	showVersion = root.Flags().BoolP("version", "v", false, "version for nsblame")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, explainFlag(cmd, err)) })
	root.AddCommand(newTraceCmd(), newRecordCmd(), newReplayCmd(), newReportCmd(), newTopCmd(), newExplainCmd(), newListCmd(), newServeCmd(), newExportCmd(), newDumpCmd(), newDoctorCmd(), newSchemaCmd(), newVersionCmd())
	root.SetHelpCommand(newHelpCmd())
	root.InitDefaultCompletionCmd("completion")
	refuseWrongShell(root)
	groupFlags(root)
	addManCmd(root)
	return root
}

// explainFlag adds to an error of a flag what was probably meant.
func explainFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || cmd.Flags().Lookup("output") == nil {
		return err
	}
	if name := unknown.GetSpecifiedName(); slices.Contains(newReportOutputFlag().allowed, name) {
		return fmt.Errorf("%w: the format is -o %s", err, name)
	}
	return err
}

// newHelpCmd replaces cobra's, which takes an unknown topic for a success.
func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmd.Root(), strings.Join(args, " "))
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
		ValidArgsFunction: completeCommands,
	}
}

func completeCommands(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, c := range cmd.Root().Commands() {
		if c.IsAvailableCommand() {
			names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// refuseWrongShell makes cobra's completion command fail on a shell that it
// does not know, in place of printing its help with exit code 0.
func refuseWrongShell(root *cobra.Command) {
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		panic(err) // cobra has just added it
	}
	completion.Args = cobra.ArbitraryArgs
	completion.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef(cmd, "unknown shell %q: not one of bash, fish, powershell, zsh", args[0])
		}
		return usagef(cmd, "which shell: bash, fish, powershell or zsh")
	}
	for _, shell := range completion.Commands() {
		shell.Args = noArgs
	}
}

// usage marks an error as a mistake in the command line of cmd.
func usage(cmd *cobra.Command, err error) error {
	return &usageError{command: cmd.CommandPath(), err: err}
}

func usagef(cmd *cobra.Command, format string, args ...any) error {
	return usage(cmd, fmt.Errorf(format, args...))
}

func unknownCommand(cmd *cobra.Command, name string) error {
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return usagef(cmd, "unknown command %q: did you mean %s?", name, strings.Join(near, " or "))
	}
	return usagef(cmd, "unknown command %q", name)
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef(cmd, "unexpected argument %q", args[0])
	}
	return nil
}
