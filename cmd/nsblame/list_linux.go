package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/inventory"
	"github.com/nsblame/nsblame/internal/explain/life"
	"github.com/nsblame/nsblame/internal/observe/survey"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/engine"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

const listHelp = `List the network namespaces that exist now: the age and the names of each, who
is in it, and what else holds it. Mounts, open files, and sockets of processes
that are elsewhere can. list also shows the creator, if that was recorded.

The creator is known from recordings only. --from names recordings of this boot;
one that nsblame record is still writing will do. A namespace and its creation
are matched by the cookie of the namespace. Kernel 5.10 has no cookie at the
creation, so the inode number is used there. Since numbers are reused, it counts
only in a recording that is still being written.

The age is exact if the creation was recorded. 2h+ means two hours at least.
~2h means that the oldest process in the namespace started two hours ago; it may
have entered later.

--leaked shows those that nobody is in: only a mount, an open file, a socket or
a message holds them, or nothing visible. Some are meant to be so, as those of
ip netns. Beside each stands what would free it, where a command is enough; list
runs none. With --from, LAST USED BY is who moved in last.

--older-than also counts ages that are at least so long, or inferred.

A namespace that nothing visible holds is found in the kernel's own list. That
list needs the same rights as tracing. An ordinary user sees what his own
processes hold. list names what it could not see.`

// listOptions is the command line of list, validated.
type listOptions struct {
	output outputFlag
	color  colorFlag
	tree   bool
	wide   bool
	from   []string
	memory memoryFlag
	leaked bool
	older  time.Duration // 0: of any age
	by     choice        // empty: one by one
}

func newListCmd() *cobra.Command {
	opt := &listOptions{
		output: newOutputFlag(), color: newColorFlag(), memory: newMemoryFlag(),
		by: choice{allowed: []string{"pod", "creator"}},
	}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the network namespaces that exist, and what holds them",
		Long:  listHelp,
		Example: `  nsblame list
  nsblame list --tree --from netns.avro
  nsblame list --leaked --older-than 10m
  nsblame list --by pod
  nsblame list --output json | jq 'select(.unheld)'`,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opt.validate(); err != nil {
				return usage(cmd, err)
			}
			return runList(cmd.Context(), opt, cmd)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&opt.leaked, "leaked", false, "only those that nobody is in, and what would free them")
	cmd.Flags().Var((*durationFlag)(&opt.older), "older-than", "only those that have been there this long (90s, 10m, 2h, 1d)")
	opt.by.add(cmd, "by", "count them by this, in place of a line for each")
	opt.output.add(cmd)
	cmd.Flags().BoolVar(&opt.tree, "tree", false, "show everything about each, in a block of lines")
	cmd.Flags().BoolVar(&opt.wide, "wide", false, "print all of what is long, on one row, also on a terminal")
	opt.color.add(cmd)
	cmd.Flags().StringArrayVar(&opt.from, "from", nil, "look up creations in this recording, a `file`; repeatable, for the parts of one in order too")
	complete(cmd, "from", completeRecordings)
	opt.memory.add(cmd)
	return cmd
}

var (
	errOlder  = errors.New("--older-than must not be negative")
	errByOnly = errors.New("--by goes with neither --tree nor --output json: json has what to count")
)

func (o *listOptions) validate() error {
	if o.tree && o.output.json() {
		return errTreeJSON
	}
	if o.by.value != "" && (o.tree || o.output.json()) {
		return errByOnly
	}
	if o.older < 0 {
		return errOlder
	}
	for _, name := range o.from {
		if name == "" || name == "-" {
			return errFromStdin
		}
	}
	return nil
}

// takeSurvey looks at the machine. Tests replace it.
var takeSurvey = survey.Take

func runList(ctx context.Context, opt *listOptions, cmd *cobra.Command) error {
	from, err := findRecordings(opt.from)
	if err != nil {
		return err
	}
	var watched []string
	for _, path := range from.paths {
		watched = append(watched, path)
	}
	from.memory = opt.memory
	found, err := takeSurvey(ctx, watched)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	if err := from.read(ctx, found, cmd.ErrOrStderr()); err != nil {
		return unlessStopped(ctx, err)
	}
	list := from.match(found)
	opt.choose(list)
	if err := opt.write(cmd.OutOrStdout(), cmd.ErrOrStderr(), list); err != nil {
		return err
	}
	return from.whole()
}

// choose drops the namespaces that are not asked for.
func (o *listOptions) choose(list *render.List) {
	list.Leaked = o.leaked
	list.Namespaces = slices.DeleteFunc(list.Namespaces, func(n *inventory.Namespace) bool {
		return o.leaked && !n.Leaked() || o.older > 0 && !n.OlderThan(uint64(o.older), list.NowNS)
	})
}

func (o *listOptions) write(w, stderr io.Writer, list *render.List) error {
	text := render.TextOptions{Tree: o.tree, Color: o.color.on(w), Width: terminalWidth(w), Wide: o.wide}
	switch {
	case o.output.json():
		return render.ListJSON(w, list)
	case o.by.value != "":
		return render.ListGroups(w, stderr, list, render.GroupKey(o.by.value), text)
	}
	return render.ListText(w, stderr, list, text)
}

// unlessStopped is the error, unless it comes of the user's having ended the
// command.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// recordings are those in which creations are looked up.
type recordings struct {
	names []string
	// paths are the files' own, by the names given.
	paths  map[string]string
	list   []*indexed
	memory memoryFlag
}

// indexed is a recording that was read.
type indexed struct {
	recorded render.Recording
	index    *life.Index
	summary  finding.Summary
}

// findRecordings finds out which files are meant, before anything is looked at.
func findRecordings(names []string) (*recordings, error) {
	r := &recordings{names: names, paths: make(map[string]string)}
	for _, name := range names {
		path, err := filepath.EvalSymlinks(name)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", name, unwrapPath(err))
		}
		r.paths[name] = path
	}
	return r, nil
}

// settled is how long after an event nsblame record has written it: it does so
// within a second, if the machine lets it.
const settled = 2 * time.Second

// read reads the recordings. Of those that are still being written, it waits for
// all that happened before the survey.
func (r *recordings) read(ctx context.Context, s *survey.Survey, stderr io.Writer) error {
	until := time.Now().Add(settled)
	for next := 0; next < len(r.names); {
		one, used, err := r.readOne(ctx, s, next, until, stderr)
		if err != nil {
			return err
		}
		r.list = append(r.list, one)
		next += used
	}
	return ctx.Err() // what was read until then is not whole
}

// readOne reads the recording whose first file is the one given, and returns how
// many files it has.
func (r *recordings) readOne(ctx context.Context, s *survey.Survey, first int, until time.Time, stderr io.Writer) (*indexed, int, error) {
	grows := func(name string) bool { return s.Writers[r.paths[name]] }
	src, err := openGrowing(ctx, r.names[first:], func(name string) (time.Time, bool) { return until, grows(name) }, stderr)
	if err != nil {
		return nil, 0, err
	}
	src.limit(r.memory)
	index := life.NewIndex()
	summary, err := engine.Run(ctx, &otherwise{src}, engine.Options{Consumers: []finding.Consumer{index}})
	used := src.next
	if src.other {
		used-- // the last one opened is of another recording
	}
	if err = join(err, src.Close()); err != nil {
		return nil, 0, err
	}
	index.GoesOn = grows(r.names[first+used-1]) && !index.Ended()
	out := &indexed{index: index, summary: summary, recorded: render.Recording{
		Name: r.names[first], FromNS: index.FromNS, UntilNS: index.UntilNS, GoesOn: index.GoesOn, Damages: summary.Damages,
	}}
	if index.BootID != s.Host.BootID {
		out.recorded.Why = render.UnusedOtherBoot
	}
	return out, used, nil
}

// otherwise is the files of one recording: it ends where another one begins.
type otherwise struct{ *recorded }

// Next implements engine.Source.
func (o *otherwise) Next(ctx context.Context) (event.Event, error) {
	ev, err := o.recorded.Next(ctx)
	if errors.Is(err, recording.ErrOther) {
		o.other = true
		return event.Event{}, io.EOF
	}
	return ev, err
}

// match looks up who created each namespace, and puts all together.
func (r *recordings) match(s *survey.Survey) *render.List {
	list := &render.List{Host: s.Host, Created: make(map[uint32]life.Match)}
	s.Builder.Namespaces(func(n *inventory.Namespace) {
		m := r.find(n.Inum, n.Cookie())
		if n.Initial {
			m = life.Match{Why: life.UnmatchedInitial}
		}
		if m.Attribution != nil {
			s.Builder.Created(n.Inum, m.Attribution.BootNS)
		}
		list.Created[n.Inum] = m
	})
	for _, k := range r.list {
		list.Recordings = append(list.Recordings, k.recorded)
	}
	list.Inventory = s.Builder.Build(s.NowNS)
	return list
}

func (r *recordings) find(inum uint32, cookie uint64) life.Match {
	if len(r.list) == 0 {
		return life.Match{Why: life.UnmatchedNoRecording}
	}
	none := life.Match{Why: life.UnmatchedOtherBoot}
	for _, k := range r.list {
		if k.recorded.Why != "" {
			continue
		}
		m := k.index.Find(inum, cookie)
		if m.Attribution != nil {
			if use, known := k.index.LastUse(m.Attribution); known {
				m.LastUse = &use
			}
			return m
		}
		none = m
	}
	return none
}

// whole returns an error if a recording has gaps.
func (r *recordings) whole() error {
	for _, k := range r.list {
		if err := whole(k.summary); err != nil {
			return err
		}
	}
	return nil
}
