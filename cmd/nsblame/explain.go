package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/explain/story"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/engine"
)

const explainHelp = `Tell the story of one network namespace from a recording: who made it and for
whom, who moved in, and how it ended. If it did not end, explain says who was
seen in it and may hold it. Last comes what ends its cause, with the commands to
copy, and what that costs.

WHAT is one of these:
  4026532216         the inode number, as trace and list show it
  812                the pid of who made it, was born in it, or moved in
  batch/report-1     the name of the pod that it is for, or the pod's uid; may
                     contain * ? []
  /run/netns/blue    a file of this machine, also /proc/PID/ns/net
  blue               a name in /run/netns of this machine

Inode numbers and pids are reused, and a pod can have several namespaces. If
several match, explain lists them, and --match chooses one.

explain reads recordings only, of this machine or of another. nsblame list shows
what holds the namespaces that exist now.

Several --from are the parts of one recording, in order. JSON has the lines of
replay that are about the namespace.`

// explainOptions is the command line of explain, validated.
type explainOptions struct {
	what   string
	from   []string
	match  countFlag // 0: there must be one
	output outputFlag
	color  colorFlag
	wide   bool
	memory memoryFlag
}

func newExplainCmd() *cobra.Command {
	opt := &explainOptions{output: newOutputFlag(), color: newColorFlag(), memory: newMemoryFlag()}
	cmd := &cobra.Command{
		Use:   "explain INUM|PATH|PID|POD --from FILE",
		Short: "Tell the story of one network namespace",
		Long:  explainHelp,
		Example: `  nsblame explain 4026532216 --from netns.avro
  nsblame explain batch/report-1 --from netns.avro --match 2
  nsblame explain blue --from netns.avro`,
		ValidArgsFunction: completeExplained,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opt.validate(args); err != nil {
				return usage(cmd, err)
			}
			return runExplain(cmd.Context(), opt, cmd)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&opt.from, "from", nil, "the recording, a `file`; repeatable, for the parts of one in order")
	complete(cmd, "from", completeRecordings)
	flags.Var(&opt.match, "match", "of several that match, explain this one; 1 is the first")
	flags.BoolVar(&opt.wide, "wide", false, "print all of what is long, on one row, also on a terminal")
	opt.output.add(cmd)
	opt.color.add(cmd)
	opt.memory.add(cmd)
	return cmd
}

// completeExplained offers the pods of the recording that was given.
func completeExplained(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	from := completedFrom(cmd)
	if len(args) > 0 || len(from) == 0 {
		return nil, cobra.ShellCompDirectiveDefault // it may be a file
	}
	return namesFor(cmd.Context(), "pod", from, begun), cobra.ShellCompDirectiveDefault
}

var (
	errNoWhat    = errors.New("what to explain is missing: an inode number, a path, a pid or a pod")
	errManyWhat  = errors.New("explain takes one namespace at a time")
	errNoFrom    = errors.New("--from is missing: the recording to look in. For namespaces that exist now see nsblame list")
	errNotNetns  = errors.New("not a network namespace: give a file of /run/netns, or /proc/PID/ns/net")
	errAmbiguous = errors.New("several namespaces match: choose one with --match")
	errFromStdin = errors.New("--from needs the name of a file")
)

func (o *explainOptions) validate(args []string) error {
	switch {
	case len(args) == 0:
		return errNoWhat
	case len(args) > 1:
		return errManyWhat
	case args[0] == "":
		return errEmptyValue
	case len(o.from) == 0:
		return errNoFrom
	}
	for _, name := range o.from {
		if name == "" || name == "-" {
			return errFromStdin
		}
	}
	o.what = args[0]
	return validateValue(o.what)
}

// firstInum is the least inode number that a namespace can have: those below are of the
// machine's own namespaces, and of processes no pid is as large.
const firstInum = 0xf0000000

// namedNamespaces is where ip netns keeps its names.
var namedNamespaces = "/run/netns"

// query finds out what is meant.
func (o *explainOptions) query() (story.Query, error) {
	if n, err := strconv.ParseUint(o.what, 10, 32); err == nil && n > 0 {
		if n >= firstInum {
			return story.Query{Inum: uint32(n)}, nil
		}
		return story.Query{PID: uint32(n)}, nil
	}
	if filepath.IsAbs(o.what) || strings.HasPrefix(o.what, ".") {
		inum, err := namespaceOf(o.what)
		if err != nil {
			return story.Query{}, fmt.Errorf("%q: %w", o.what, err)
		}
		return story.Query{Inum: inum}, nil
	}
	if !strings.Contains(o.what, "/") {
		if inum, err := namespaceOf(filepath.Join(namedNamespaces, o.what)); err == nil {
			return story.Query{Inum: inum}, nil
		}
	}
	return story.Query{Pod: o.what}, nil
}

func runExplain(ctx context.Context, opt *explainOptions, cmd *cobra.Command) error {
	query, err := opt.query()
	if err != nil {
		return err
	}
	found, clock := story.NewFinder(query), &render.Clock{}
	summary, err := opt.read(ctx, cmd, found, clock)
	if err != nil {
		return err
	}
	chosen, err := opt.choose(found)
	if errors.Is(err, errAmbiguous) {
		if err := render.MatchesText(cmd.OutOrStdout(), found, clock); err != nil {
			return err
		}
	}
	if err != nil {
		return join(err, whole(summary))
	}
	if err := opt.explain(ctx, cmd, chosen); err != nil {
		return err
	}
	return whole(summary)
}

// read reads the recording once.
func (o *explainOptions) read(ctx context.Context, cmd *cobra.Command, consumers ...finding.Consumer) (summary finding.Summary, err error) {
	src, err := openRecorded(ctx, o.from, false, nil, cmd.ErrOrStderr())
	if err != nil {
		return summary, err
	}
	defer func() { err = join(err, src.Close()) }()
	src.limit(o.memory)
	endProgress := showReading(cmd.ErrOrStderr(), src)
	defer endProgress()
	return engine.Run(ctx, src, engine.Options{Consumers: consumers})
}

// choose returns the namespace that is meant.
func (o *explainOptions) choose(found *story.Finder) (story.Match, error) {
	n := len(found.List)
	switch {
	case n == 0:
		return story.Match{}, fmt.Errorf("no namespace in this recording is of %q", o.what)
	case uint64(o.match) > uint64(n):
		return story.Match{}, fmt.Errorf("--match %d: there are only %d", o.match, n)
	case o.match > 0:
		return found.List[o.match-1], nil
	case n > 1:
		return story.Match{}, fmt.Errorf("%w, from 1 to %d", errAmbiguous, n)
	}
	return found.List[0], nil
}

// explain reads the recording again, for all that it has of one namespace.
func (o *explainOptions) explain(ctx context.Context, cmd *cobra.Command, chosen story.Match) error {
	stdout := cmd.OutOrStdout()
	about := story.New(chosen.Serial)
	if o.output.json() {
		_, err := o.read(ctx, cmd, about, onlyAbout{about, render.NewJSON(stdout)})
		return err
	}
	clock, collector := &render.Clock{}, report.NewCollector()
	if _, err := o.read(ctx, cmd, about, clock, onlyAbout{about, collector}); err != nil {
		return err
	}
	if about.Created == nil {
		return fmt.Errorf("the recording changed while it was read: no namespace is of %q", o.what)
	}
	var remedies []report.Remedy
	if causes := collector.Report().Causes; len(causes) > 0 {
		remedies = causes[0].Remedies
	}
	return render.StoryText(stdout, about, remedies, clock, render.TextOptions{
		Color: o.color.on(stdout), Width: terminalWidth(stdout), Wide: o.wide,
	})
}

// onlyAbout prints what is about one namespace.
type onlyAbout struct {
	story *story.Story
	finding.Consumer
}

// Consume takes the next finding.
func (o onlyAbout) Consume(f finding.Finding) error {
	if _, observed := f.(*finding.Observed); observed || o.story.Of(f) {
		return o.Consumer.Consume(f)
	}
	return nil
}
