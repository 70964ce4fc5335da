package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/nsblame/nsblame/internal/explain/condition"
	"github.com/nsblame/nsblame/internal/observe/unsupported"
	"github.com/nsblame/nsblame/internal/present/render"
)

// The exit codes. They are documented in the help of the root command.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnsupported = 3
	exitCondition   = 4
)

// exitCode maps the error that a command ended with to the exit code.
func exitCode(err error) int {
	var (
		usage    *usageError
		lack     *unsupported.Error
		unjudged *condition.NotJudgedError
		met      *conditionError
		command  *commandError
	)
	switch {
	case errors.As(err, &command):
		return command.code
	case errors.As(err, &met):
		return exitCondition
	case err == nil, errors.Is(err, errOutputClosed):
		return exitDone
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &lack), errors.As(err, &unjudged):
		return exitUnsupported
	}
	return exitFailed
}

// usageError is a mistake in the command line.
type usageError struct {
	command string // whose help to look at: "nsblame trace"
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// reportedError is an error that the command has told of on stdout already. It
// only sets the exit code.
type reportedError struct{ err error }

func (e *reportedError) Error() string { return e.err.Error() }

func (e *reportedError) Unwrap() error { return e.err }

// join is errors.Join on one line.
func join(first, second error) error {
	if first == nil || second == nil {
		return errors.Join(first, second)
	}
	return fmt.Errorf("%w; %w", first, second)
}

// printError tells the user of the error that a command ended with, and what
// to do about it.
func printError(w io.Writer, err error) {
	var (
		reported *reportedError
		usage    *usageError
		lack     *unsupported.Error
	)
	var command *commandError
	if errors.As(err, &command) && command.err == nil {
		return // the command has told itself
	}
	if err == nil || errors.Is(err, errOutputClosed) || errors.As(err, &reported) {
		return
	}
	fmt.Fprintf(w, "nsblame: %s\n", render.Sentence(err.Error()))
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(w, "Try '%s --help'.\n", usage.command)
	case errors.As(err, &lack) && lack.Remedy != "":
		fmt.Fprintf(w, "What to do: %s.\n", render.Sentence(lack.Remedy))
	}
}
