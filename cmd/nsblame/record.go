package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/nsblame/nsblame/internal/explain/condition"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/engine"
	"github.com/nsblame/nsblame/internal/stream/redact"
)

const recordHelp = `Write the stream of events into a file until Ctrl-C, for --duration, or while
a command runs. nsblame replay prints the file on any machine, without root.
Only its owner can read the file (mode 0600), because it holds command lines:
see --redact. An existing file is not overwritten; - is stdout.

A command after -- starts once the probes are attached. It gets the stdin,
stdout and stderr of nsblame, and recording ends when the command ends. Signals
that ask nsblame to end are passed on to the command. The exit code is then:
  the command's         if it ended by itself
  128 and the signal    if a signal ended it
  4                     if it was 0 and a --fail-on condition was met
  127                   if the command was not found
  126                   if the command could not be started
  1                     if nsblame itself failed; stderr has the reason

--rotate-size begins a new file whenever the current one reaches that size. For
-o x.avro the files are x-000001.avro, x-000002.avro and so on. Each can be read
by itself. --rotate-files keeps only the latest ones.

--codec=deflate is for other programs that are to read the recording and know
no zstandard, as docs/recording.md has it. Files are larger then.

--redact hides things before they are written: all arguments of command lines
and names. --redact=secrets hides arguments that look like secrets, which is a
guess and can miss. --redact=names hides the names of the machine, of containers
and of pods, and labels. --redact=secrets,names does both.

` + journalHelp + `

` + otlpHelp + `

` + failOnHelp

// recordOptions is the command line of record, validated.
type recordOptions struct {
	file        string
	rotateSize  byteCount
	rotateFiles countFlag
	codec       codecFlag
	redact      redactFlag
	outlets     outletFlags
	live        liveFlags
	failOn      failOnFlag
	command     []string
}

func newRecordCmd() *cobra.Command {
	opt := &recordOptions{codec: newCodecFlag(), live: newPatientLiveFlags(), outlets: newOutletFlags()}
	cmd := &cobra.Command{
		Use:   "record -o FILE [-- COMMAND [ARG...]]",
		Short: "Write the stream of events into a file",
		Long:  recordHelp,
		Example: `  nsblame record -o netns.avro --duration 1h
  nsblame record -o ci.avro -- make test
  nsblame record -o netns.avro --rotate-size 64M --rotate-files 10 --redact`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opt.validate(cmd, args); err != nil {
				return usage(cmd, err)
			}
			return runRecord(cmd, opt)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&opt.file, "file", "o", "", "the `file` to write; - is stdout")
	flags.Var(&opt.rotateSize, "rotate-size", "begin a new file at this size (64K, 100M, 2G)")
	flags.Var(&opt.rotateFiles, "rotate-files", "keep only this many files, the latest")
	opt.codec.add(cmd)
	opt.redact.add(cmd)
	opt.outlets.add(cmd)
	opt.live.add(cmd)
	opt.failOn.add(cmd)
	return cmd
}

var (
	errNoOutput       = errors.New("-o FILE is missing: where to write to")
	errFormatName     = errors.New("-o is the file to write: record prints nothing. To print, use trace -o; for a file of that name give a path, as in -o ./json")
	errRotateFiles    = errors.New("--rotate-files goes with --rotate-size")
	errRotateStdout   = errors.New("stdout can't be rotated")
	errCommandTime    = errors.New("--duration doesn't go with a command: recording ends when that does")
	errCommandStdout  = errors.New("-o - doesn't go with a command, which has stdout")
	errStdoutTerminal = errors.New("-o - would write a recording to the terminal: redirect it, or name a file")
	errRedactValue    = errors.New("--redact takes its value after =, as in --redact=secrets")
	errCommandDash    = errors.New("a command goes after --")
)

func (o *recordOptions) validate(cmd *cobra.Command, args []string) error {
	given := cmd.Flags().Changed
	if len(args) > 0 && cmd.ArgsLenAtDash() != 0 {
		if _, ok := redact.Parse(args[0]); ok && given("redact") {
			return errRedactValue
		}
		return fmt.Errorf("unexpected argument %q: %w", args[0], errCommandDash)
	}
	if cmd.ArgsLenAtDash() == 0 && len(args) == 0 {
		return errors.New("no command after --")
	}
	o.command = args
	switch {
	case o.file == "":
		return errNoOutput
	case slices.Contains(newReportOutputFlag().allowed, o.file):
		return errFormatName
	case given("rotate-files") && o.rotateSize == 0:
		return errRotateFiles
	case o.rotateSize != 0 && o.file == "-":
		return errRotateStdout
	case o.file == "-" && len(args) > 0:
		return errCommandStdout
	case len(args) > 0 && given("duration"):
		return errCommandTime
	case o.file == "-" && isTerminal(cmd.OutOrStdout()):
		return errStdoutTerminal
	}
	if err := o.outlets.validate(cmd); err != nil {
		return err
	}
	return o.live.validate(cmd)
}

// runRecord records until the end, and returns the end of the command if there
// was one.
func runRecord(cmd *cobra.Command, opt *recordOptions) error {
	var child *command
	stderr := cmd.ErrOrStderr()
	to := recordTarget{
		file: opt.file, rotateSize: uint64(opt.rotateSize), rotateFiles: uint(opt.rotateFiles),
		codec: opt.codec.codec(), redact: opt.redact.mode, stdout: cmd.OutOrStdout(),
	}
	observed, err := opt.live.observe(cmd.Context(), func(ctx context.Context, live source, ready func() error) error {
		asked := ctx
		return recordTo(ctx, live, ready, to,
			func(ctx context.Context, src engine.Source, s *sink) (err error) {
				also, err := opt.outlets.open(ctx, stderr)
				if err != nil {
					return join(join(err, opt.outlets.close(ctx, stderr)), s.Close())
				}
				defer func() { err = join(err, opt.outlets.close(ctx, stderr)) }()
				if len(opt.command) > 0 {
					// the end is that of the command, not that which is asked of nsblame
					var done context.CancelFunc
					ctx, done = context.WithCancel(context.WithoutCancel(ctx))
					defer done()
					err := opt.live.pages.allowed(func() (err error) {
						child, err = startCommand(asked, opt.command, done)
						return err
					})
					if err != nil {
						return join(err, s.Close())
					}
				}
				// not before: the command has the rights that nsblame was given
				giveUp(live, stderr, rightsOver(child)...)
				endProgress := showLine(stderr, func() string {
					events, bytes := s.writer.Written()
					return fmt.Sprintf("recording: %d events, %d bytes, %d lost", events, bytes, s.lost.Load())
				})
				summary, err := engine.Run(ctx, src, engine.Options{Consumers: append(opt.consumers(), also...)})
				endProgress()
				if child != nil && err != nil {
					child.wait() // it goes on though the recording failed
				}
				// stderr is the command's, unless there is something that one must know
				if err == nil && (child == nil || summary.LostTotal() > 0 || summary.BusCut > 0) {
					sayRecorded(stderr, s, summary)
				}
				return err
			})
	})
	if err != nil || !observed || child == nil {
		return opt.failOn.finish(err)
	}
	result, met := child.result(), opt.failOn.finish(nil)
	if result == nil || met == nil {
		return join(result, met)
	}
	printError(stderr, met) // the command's own failure prevails
	return result
}

// sayRecorded closes a recording with what is in it, and what is not.
func sayRecorded(w io.Writer, s *sink, summary finding.Summary) {
	events, bytes := s.writer.Written()
	text := fmt.Sprintf("nsblame: recorded %d namespaces: %d events, %d bytes, %s", summary.Seen, events, bytes, render.LostText(&summary))
	if n := summary.BusCut; n > 0 {
		text += fmt.Sprintf(", %d bus messages not captured far enough", n)
	}
	fmt.Fprintln(w, text)
}

// consumers judge the run. If a command runs, a condition that cannot be judged
// does not end the recording: the verdict at the end says so.
func (o *recordOptions) consumers() []finding.Consumer {
	list := o.failOn.consumers()
	if len(o.command) > 0 {
		for i := range list {
			list[i] = toTheEnd{list[i]}
		}
	}
	return list
}

// toTheEnd is a judge that doesn't end the run.
type toTheEnd struct{ finding.Consumer }

// Consume takes the next finding.
func (c toTheEnd) Consume(f finding.Finding) error {
	err := c.Consumer.Consume(f)
	var unjudged *condition.NotJudgedError
	if errors.As(err, &unjudged) {
		return nil // the verdict tells
	}
	return err
}

// command is the one behind --.
type command struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// startCommand starts a command; done is called when it has ended. When ctx
// ends, the command is asked to end, too.
func startCommand(ctx context.Context, argv []string, done context.CancelFunc) (*command, error) {
	c := &command{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.cmd.Start(); err != nil {
		return nil, &commandError{code: notStarted(err), err: fmt.Errorf("start %q: %w", argv[0], unwrapExec(err))}
	}
	go func() {
		_ = c.cmd.Wait() // its state tells
		close(c.ended)
		done()
	}()
	context.AfterFunc(ctx, func() {
		select {
		case <-c.ended:
		default:
			if s := passedOn(context.Cause(ctx), term.IsTerminal(int(os.Stdin.Fd()))); s != nil {
				_ = c.cmd.Process.Signal(s)
			}
		}
	})
	return c, nil
}

// passedOn is the signal that asks a command to end, nil if it has been asked.
func passedOn(cause error, terminal bool) os.Signal {
	var asked *askedError
	if terminal && errors.As(cause, &asked) && asked.signal == syscall.SIGINT {
		return nil // Ctrl-C at a terminal has reached it, too
	}
	return syscall.SIGTERM
}

func (c *command) wait() { <-c.ended }

// result is how the command ended, as the error that carries its exit code.
func (c *command) result() error {
	c.wait()
	status := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled():
		return &commandError{code: 128 + int(status.Signal())}
	case status.ExitStatus() != 0:
		return &commandError{code: status.ExitStatus()}
	}
	return nil
}

// commandError carries the exit code of a command. It has an error of its own
// if the command could not be started.
type commandError struct {
	code int
	err  error
}

func (e *commandError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("the command ended with exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *commandError) Unwrap() error { return e.err }

// notStarted is the shell's exit code for a command that can't be started.
func notStarted(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return 127
	}
	return 126
}

// unwrapExec drops what names the command a second time.
func unwrapExec(err error) error {
	var named *exec.Error
	if errors.As(err, &named) {
		return named.Err
	}
	return unwrapPath(err)
}
