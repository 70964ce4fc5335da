package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/present/export"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/engine"
)

const exportHelp = `Write what recordings say as tables, for DuckDB, ClickHouse, Spark and others:
creations, fors, joins, ends, causes, losses and recordings. Each has a
directory, with one below it for each machine and day in UTC:

  creations/host=node1/day=2026-11-30/part-….parquet

docs/fleet.md explains the columns, and has the SQL of common questions.

A file is seen once it is whole. The files of a recording have its number in
their names. If they are there already, export refuses, for their rows would
count twice; --replace writes them anew. Other recordings add files of theirs.

Several files can be parts of one recording, or recordings of many machines. -
is stdin. A damaged recording is read where possible. What is missing is in the
table of losses, and the exit code is then 1.`

// exportOptions is the command line of export, validated.
type exportOptions struct {
	to      choice
	dir     string
	replace bool
	filter  filterFlags
	window  windowFlags
	memory  memoryFlag
}

func newExportCmd() *cobra.Command {
	opt := &exportOptions{memory: newMemoryFlag()}
	for _, f := range export.Formats {
		opt.to.allowed = append(opt.to.allowed, string(f))
	}
	cmd := &cobra.Command{
		Use:   "export --to FORM FILE...",
		Short: "Write recordings as tables for DuckDB, ClickHouse, Spark",
		Long:  exportHelp,
		Example: `  nsblame export --to parquet netns-*.avro
  nsblame export --to parquet --out /srv/netns 'node*/*.avro'
  nsblame export --to csv netns.avro --since -1h --failed
  duckdb -c "SELECT * FROM 'export/creations/*/*/*.parquet'"`,
		ValidArgsFunction: completeRecordings,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opt.validate(args); err != nil {
				return usage(cmd, err)
			}
			return runExport(cmd, opt, args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	opt.to.add(cmd, "to", "the form of the files")
	flags.StringVar(&opt.dir, "out", "export", "the `directory` to write to, which is made if it is not there")
	flags.BoolVar(&opt.replace, "replace", false, "write the files of these recordings anew if they are there")
	opt.window.add(cmd)
	opt.filter.add(cmd)
	opt.memory.add(cmd)
	return cmd
}

var (
	errNoForm = errors.New("--to is missing: parquet, csv, ndjson or avro")
	errNoDir  = errors.New("--out: the name of the directory is empty")
)

func (o *exportOptions) validate(args []string) error {
	switch {
	case o.to.value == "":
		return errNoForm
	case o.dir == "":
		return errNoDir
	}
	if err := checkFiles(args); err != nil {
		return err
	}
	if err := o.window.validate(args); err != nil {
		return err
	}
	return o.filter.validate()
}

// runExport exports recordings, one after the other. One that is exported stays so if a
// later one fails.
func runExport(cmd *cobra.Command, opt *exportOptions, names []string) error {
	files, err := expand(names)
	if err != nil {
		return err
	}
	if err := checkFiles(files); err != nil {
		return err
	}
	defer readThrough()()
	unmatched := newUnmatched(opt.filter.engineFilter(), failOnFlag{})
	var total exported
	for _, files := range byRecording(files) {
		if err := total.add(cmd, opt, files, unmatched); err != nil {
			return err
		}
	}
	unmatched.warn(cmd.ErrOrStderr())
	fmt.Fprintf(cmd.ErrOrStderr(), "nsblame: %s of %s in %d files below %s\n",
		render.Counted(total.creations, "creation"), render.Counted(total.recordings, "recording"), total.files, render.Sentence(opt.dir))
	return whole(total.damage)
}

// exported sums up what was exported.
type exported struct {
	creations, recordings uint64
	files                 int
	damage                finding.Summary
}

// add exports one recording.
func (e *exported) add(cmd *cobra.Command, opt *exportOptions, files []string, unmatched *unmatched) (err error) {
	window, err := opt.window.of(cmd.Context(), cmd, files)
	if err != nil {
		return err
	}
	src, err := openRecorded(cmd.Context(), files, false, cmd.InOrStdin(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() { err = join(err, src.Close()) }()
	if src.reader == nil {
		return cmd.Context().Err() // asked to end before anything came
	}
	src.limit(opt.memory)
	existing := export.Refuse
	if opt.replace {
		existing = export.Replace
	}
	id, part := src.reader.Stream()
	out, err := export.Begin(export.Options{Dir: opt.dir, Format: export.Format(opt.to.value), Existing: existing}, id, part)
	if errors.Is(err, export.ErrExported) {
		err = fmt.Errorf("%w. --replace writes them anew", err)
	}
	if err != nil {
		return fmt.Errorf("export %q: %w", src.name(), err)
	}
	defer out.Abort() // what has no name yet
	endProgress := showReading(cmd.ErrOrStderr(), src)
	summary, err := engine.Run(cmd.Context(), src, engine.Options{
		Consumers: []finding.Consumer{unmatched, out}, Filter: opt.filter.engineFilter(), Within: window,
	})
	endProgress()
	if err == nil {
		err = cmd.Context().Err() // half of a recording is none
	}
	if err != nil {
		return err
	}
	e.files += out.Files()
	if err := out.Commit(); err != nil {
		return fmt.Errorf("export %q: %w", src.name(), err)
	}
	e.recordings++
	e.creations += summary.Printed
	e.damage.Damages += summary.Damages
	e.damage.DamagedBlocks += summary.DamagedBlocks
	e.damage.DamagedBytes += summary.DamagedBytes
	return nil
}
