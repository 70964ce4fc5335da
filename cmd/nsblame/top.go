package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/top"
)

const topHelp = `Show the first screen of report and keep it up to date: who keeps creating
network namespaces, how often, and a command that helps. Enter opens a cause
with all that is known of it. That is what ends it, the last hour, the chain
with its evidence, and the last ten namespaces. ? lists the keys.

top observes the running kernel until q. With --from it shows a recording. First
comes the table of all of it, and then the time can be moved: left and right, or
space to play. The table is then as it would have been at that moment.

g groups the creations by their cause, or by what report --by has: workload,
pod, container, unit, origin, user or command. --by is how it begins.

c copies the command that helps. It goes to the terminal as OSC 52, which the
terminal may refuse. tmux passes it on with: set -g set-clipboard on

What was lost or not seen stands in a line with ! above the table. top needs a
terminal; for files and programs there is report.`

// topOptions is the command line of top, validated.
type topOptions struct {
	from     []string
	by, sort choice
	color    colorFlag
	filter   filterFlags
	live     liveFlags
	memory   memoryFlag
}

func newTopCmd() *cobra.Command {
	view := newReportView()
	opt := &topOptions{by: view.by, sort: view.sort, color: newColorFlag(), live: newLiveFlags(), memory: newMemoryFlag()}
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show the root causes as they act, to dig in",
		Long:  topHelp,
		Example: `  nsblame top
  nsblame top --sort failed --by pod
  nsblame top --from netns.avro
  ssh -t host sudo nsblame top`,
		Args:              topArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opt.validate(cmd); err != nil {
				return usage(cmd, err)
			}
			if len(opt.from) > 0 {
				return topRecorded(cmd, opt)
			}
			return topLive(cmd, opt)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&opt.from, "from", nil, "show this recording, a `file`; repeatable, for the parts of one")
	complete(cmd, "from", completeRecordings)
	opt.sort.add(cmd, "sort", "sort the causes; their numbers stay those by count")
	opt.by.add(cmd, "by", "group the creations by this in place of their cause")
	opt.color.add(cmd)
	opt.filter.add(cmd)
	opt.live.add(cmd)
	opt.memory.add(cmd)
	return cmd
}

func topArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef(cmd, "unexpected argument %q: a recording goes with --from", args[0])
	}
	return nil
}

var (
	errNoTerminal = errors.New("top needs a terminal. For a file or a program there is nsblame report; over ssh give -t")
	errDumb       = errors.New("top needs a terminal that can move its cursor, and TERM is dumb or not set: see nsblame report")
	errTopMany    = errors.New("top shows one recording at a time: nsblame report takes several")
	errTopFile    = errors.New("--duration doesn't go with --from")
)

func (o *topOptions) validate(cmd *cobra.Command) error {
	if len(o.from) > 0 && cmd.Flags().Changed("duration") {
		return errTopFile
	}
	for _, name := range o.from {
		if name == "" || name == "-" {
			return errFromStdin
		}
	}
	if err := o.live.validate(cmd); err != nil {
		return err
	}
	if err := o.filter.validate(); err != nil {
		return err
	}
	return checkTerminal(cmd)
}

// checkTerminal reports why there can be no screen.
func checkTerminal(cmd *cobra.Command) error {
	if !isTerminal(cmd.OutOrStdout()) || !readsTerminal(cmd.InOrStdin()) {
		return errNoTerminal
	}
	if term := os.Getenv("TERM"); term == "" || term == "dumb" {
		return errDumb
	}
	return nil
}

func readsTerminal(r io.Reader) bool {
	file, ok := r.(*os.File)
	return ok && onTerminal(file)
}

// views collect what causes do lately.
func (o *topOptions) views() *report.Views {
	return report.NewViews(func(c *report.Collector) {
		c.Watch()
		if o.live.cost {
			c.RankCosts()
		}
	})
}

// screen is the screen in its first state.
func (o *topOptions) screen(feed top.Feed, w io.Writer) top.Model {
	clipboard := ""
	if os.Getenv("TMUX") != "" {
		clipboard = "; tmux: set -g set-clipboard on"
	}
	return top.New(top.Options{
		Feed: feed, File: strings.Join(o.from, " "), Want: o.want(), Order: report.Order(o.sort.value),
		Color: o.color.on(w), Clipboard: clipboard,
	})
}

func (o *topOptions) want() top.Want { return top.Want{By: report.By(o.by.value)} }

// newProgram is what draws the screen and reads the keys.
func newProgram(cmd *cobra.Command, model tea.Model) *tea.Program {
	return tea.NewProgram(model,
		tea.WithInput(cmd.InOrStdin()), tea.WithOutput(cmd.OutOrStdout().(*output).file), tea.WithoutSignalHandler())
}

// runProgram shows the screen until its user leaves it by a key, or ctx is done by a
// signal. A context given to bubbletea would kill it: it would not wait for its reader.
func runProgram(ctx context.Context, p *tea.Program) error {
	defer context.AfterFunc(ctx, p.Quit)()
	if _, err := p.Run(); err != nil {
		return fmt.Errorf("show the screen: %w", err)
	}
	return nil
}

// notes is stderr while the screen is shown: what is written there goes to the screen,
// and to stderr once the screen is gone.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
	send func(tea.Msg)
}

// Write implements io.Writer.
func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	n.text.Write(p)
	n.mu.Unlock()
	if n.send != nil {
		n.send(top.Update{Note: strings.TrimSpace(string(p))})
	}
	return len(p), nil
}

func (n *notes) flush(w io.Writer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, _ = io.WriteString(w, n.text.String())
	n.text.Reset()
}

// topLive shows what happens now.
func topLive(cmd *cobra.Command, opt *topOptions) error {
	stderr, user := cmd.ErrOrStderr(), cmd.Context()
	_, err := opt.live.observe(user, func(ctx context.Context, src source, ready func() error) error {
		giveUp(src, stderr)
		if err := ready(); err != nil {
			return err
		}
		feed := newLiveFeed(opt.views(), opt.want())
		// the end of --duration ends the stream, and not the screen
		p := newProgram(cmd, opt.screen(feed, cmd.OutOrStdout()))
		feed.send = p.Send
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		unmatched := newUnmatched(opt.filter.engineFilter(), failOnFlag{})
		ended := make(chan error, 1)
		go func() {
			ended <- feed.follow(ctx, src, opt.filter.engineFilter(), []finding.Consumer{unmatched}, p.Quit)
		}()
		go feed.refresh()
		err := runProgram(user, p)
		feed.leave()
		stop()
		if err = join(err, <-ended); err == nil {
			unmatched.warn(stderr)
		}
		return err
	})
	return err
}

// topRecorded shows a recording.
func topRecorded(cmd *cobra.Command, opt *topOptions) error {
	files, err := expand(opt.from)
	if err != nil {
		return err
	}
	parts := byRecording(files)
	if len(parts) > 1 {
		return usage(cmd, errTopMany)
	}
	said := &notes{}
	defer said.flush(cmd.ErrOrStderr())
	player := newPlayer(opt, parts[0], said)
	// what cannot be opened is an error before there is a screen
	first, err := player.open(cmd.Context())
	if err != nil {
		return err
	}
	p := newProgram(cmd, opt.screen(player, cmd.OutOrStdout()))
	player.send, said.send = p.Send, p.Send
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		err := player.play(ctx, first)
		if err != nil {
			p.Quit()
		}
		ended <- err
	}()
	err = runProgram(cmd.Context(), p)
	stop()
	if err = join(err, <-ended); err != nil {
		return err
	}
	return whole(player.damage)
}
