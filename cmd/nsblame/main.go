// Command nsblame tells who keeps creating network namespaces on this machine,
// and why.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/present/render"
)

func main() {
	joinMachine(os.Stderr)
	os.Exit(run(os.Args[1:]))
}

// run executes one command line and returns the exit code. Data goes to
// stdout; errors and progress go to stderr.
func run(args []string) int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	root := newRootCmd()
	root.SetArgs(shownInCompletion(args))
	root.SetOut(newOutput(os.Stdout))
	root.SetErr(os.Stderr)
	err := root.ExecuteContext(ctx)
	printError(os.Stderr, err)
	return exitCode(err)
}

// shownInCompletion escapes the words of a command line that a shell wants
// completed: cobra writes those that it can't make sense of to stderr as they
// are. No completion of nsblame's has anything in it that is escaped.
func shownInCompletion(args []string) []string {
	if len(args) == 0 || args[0] != cobra.ShellCompRequestCmd && args[0] != cobra.ShellCompNoDescRequestCmd {
		return args
	}
	words := []string{args[0]}
	for _, arg := range args[1:] {
		words = append(words, render.Sentence(arg))
	}
	return words
}

// untilSignal returns a context that ends with the first SIGINT, SIGTERM or
// SIGHUP. From then on they have their ordinary effect, so that the second one
// kills a process that does not come to its end.
func untilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	// Being notified of SIGPIPE makes a write to a closed stdout fail with
	// EPIPE instead of killing the process, which would leave a ready file
	// behind. Nobody reads the channel. Unlike ignoring the signal, this is
	// not inherited by children.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	// The terminal or the connection is gone. Whoever used nohup has it ignored.
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(&askedError{s})
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, func() { cancel(nil) }
}

// askedError is the cause of the end of a context that a signal has ended.
type askedError struct{ signal os.Signal }

func (e *askedError) Error() string { return "asked to end by a signal: " + e.signal.String() }
