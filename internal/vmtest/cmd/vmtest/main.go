// Command vmtest boots a VM and runs nsblame's scenarios, the demo or an
// ad-hoc script in it. The README of package vmtest says how to use it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/nsblame/nsblame/internal/vmtest"
	"github.com/nsblame/nsblame/internal/vmtest/link"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

const usage = `usage:
  vmtest test [-run REGEXP] [-boot NAME] [-drafts] [-keep DIR] [-nsblame PATH] [-release NAME] [-attach MODE]
              [-alone] [-vms N] [-timeout D]
        run the scenarios, in a VM for each way of booting that they need: -boot
        takes those of one way, -drafts takes drafts, too
  vmtest matrix [-run REGEXP] [-cells "RELEASE[:ATTACH]..."] [-table FILE] [-keep DIR] [-nsblame PATH] [-vms N] [-timeout D]
        run the scenarios on every release, in every way to attach, or in those
        given; -timeout is for each, on average
  vmtest all [-sample REGEXP] [-sample-cells "RELEASE[:ATTACH]..."] [-arm64 "RELEASE[:ATTACH]..."] [-vms N] [-timeout D]
        all scenarios on Debian 12, a sample of them in other cells, and arm64,
        in one queue of VMs
  vmtest arm64 [-cells "RELEASE[:ATTACH]..."] [-timeout D]
        nsblame on the kernels for arm64, with nothing but a first process
  vmtest corpus -from DIR -to DIR [-add]
        replace the recordings in a directory by those that test -keep DIR kept,
        or add them
  vmtest list [-run REGEXP] [-boot NAME] [-drafts]
        name the scenarios and say why each exists
  vmtest exec [-file PATH]... [-user NAME] [-boot NAME] [-release NAME] [-bench] [-icount] [-timeout D] -- SCRIPT
        boot a VM, push the files, run the script with bash, return its exit code
  vmtest bench [-runs "RELEASE[:CLOCK]..."] [-table FILE] [-timeout D] [-- METER ARGS]
        measure what nsblame costs, on the clocks "wall" and "instructions"
  vmtest demo [-release NAME] [-timeout D]
        show nsblame at work in a VM
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "vmtest:", err)
	}
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) (exitCode int, err error) {
	verbs := map[string]func(context.Context, []string) (int, error){
		"test": runTest, "matrix": runMatrix, "arm64": runARM64, "list": runList, "exec": runExec, "all": runAll, "demo": runDemo,
		"bench": runBench, "corpus": runCorpus,
	}
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2, errors.New("no command given")
	}
	verb, ok := verbs[args[0]]
	if !ok {
		fmt.Fprint(os.Stderr, usage)
		return 2, fmt.Errorf("unknown command %q", args[0])
	}
	return verb(ctx, args[1:])
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func newFlags(verb string) *flag.FlagSet {
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	return flags
}

// vmFlags defines the flags of all verbs that boot a VM.
func vmFlags(flags *flag.FlagSet, o *vmtest.Options, timeout time.Duration) {
	o.Log = os.Stderr
	flags.StringVar(&o.Release, "release", "bookworm", "the guest's Debian release")
	flags.DurationVar(&o.Timeout, "timeout", timeout, "limit for the time that VMs are up, all together")
}

// atOnceFlag defines how many VMs are up at once. An emulated guest keeps more
// than one CPU busy only now and then.
func atOnceFlag(flags *flag.FlagSet, o *vmtest.SuiteOptions) {
	flags.IntVar(&o.VMs, "vms", min(runtime.NumCPU(), 4), "how many VMs are up at once")
}

// withDir gives the run a directory of its own.
func withDir(o *vmtest.Options, do func() (int, error)) (exitCode int, err error) {
	if o.Dir, err = os.MkdirTemp("", "vmtest-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	return do()
}

func runTest(ctx context.Context, args []string) (int, error) {
	flags := newFlags("test")
	var o vmtest.SuiteOptions
	vmFlags(flags, &o.Options, 80*time.Minute)
	pattern := flags.String("run", "", "run the scenarios that match")
	flags.StringVar(&o.Nsblame, "nsblame", "", "binary to test instead of a freshly built one")
	flags.StringVar(&o.Keep, "keep", "", "directory for all that the scenarios yield")
	flags.StringVar(&o.Attach, "attach", "", "nsblame's --attach")
	var choice vmtest.Choice
	flags.StringVar(&choice.Boot, "boot", "", "run the scenarios that need this way of booting")
	flags.BoolVar(&choice.Drafts, "drafts", false, "run drafts, too")
	flags.BoolVar(&o.Alone, "alone", false, "start an nsblame for each scenario, also where several could share one")
	atOnceFlag(flags, &o)
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	scenarios, code, err := chooseOf(*pattern, choice)
	if err != nil {
		return code, err
	}
	return withDir(&o.Options, func() (int, error) {
		result, err := vmtest.Suite(ctx, o, scenarios, os.Stdout)
		fmt.Printf("origins: %d told, %d unknown\n", result.Origins, result.Unknown)
		fmt.Println(result)
		if err != nil || result.Failed > 0 {
			return 1, err
		}
		return 0, nil
	})
}

// choose returns the scenarios of the suite that match, or the exit code.
func choose(pattern string) ([]*scenario.Scenario, int, error) {
	return chooseOf(pattern, vmtest.Choice{})
}

// chooseOf returns those of a choice that match, too.
func chooseOf(pattern string, choice vmtest.Choice) ([]*scenario.Scenario, int, error) {
	var err error
	if choice.Match, err = regexp.Compile(pattern); err != nil {
		return nil, 2, err
	}
	scenarios, err := vmtest.Scenarios(choice)
	return scenarios, 1, err
}

func runMatrix(ctx context.Context, args []string) (int, error) {
	flags := newFlags("matrix")
	o := vmtest.SuiteOptions{Options: vmtest.Options{Log: os.Stderr}}
	pattern := flags.String("run", "", "run the scenarios that match")
	list := flags.String("cells", "", "releases, each with \":\" and a way to attach or with all")
	table := flags.String("table", "", "file for the table, beside stdout")
	flags.DurationVar(&o.Timeout, "timeout", 40*time.Minute, "limit for the time that the VMs of one cell are up, on average")
	flags.StringVar(&o.Nsblame, "nsblame", "", "binary to test instead of a freshly built one")
	flags.StringVar(&o.Keep, "keep", "", "directory for all that the scenarios yield")
	atOnceFlag(flags, &o)
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	cells, err := vmtest.Cells(*list)
	if err != nil {
		return 2, err
	}
	scenarios, code, err := choose(*pattern)
	if err != nil {
		return code, err
	}
	return withDir(&o.Options, func() (int, error) {
		o.Timeout *= time.Duration(len(cells))
		result, err := vmtest.Matrix(ctx, o, vmtest.Everywhere(cells, scenarios), os.Stdout)
		var text strings.Builder
		err = errors.Join(err, result.Write(&text))
		fmt.Printf("\n%s\n%s\n", text.String(), result.Result())
		if *table != "" {
			err = errors.Join(err, os.WriteFile(*table, []byte(text.String()), 0o644))
		}
		if err != nil || result.Result().Failed > 0 {
			return 1, err
		}
		return 0, nil
	})
}

// arm64Cells are the kernels for arm64 that are tried where none is named.
const arm64Cells = "bookworm trixie"

func runAll(ctx context.Context, args []string) (int, error) {
	flags := newFlags("all")
	var o vmtest.SuiteOptions
	vmFlags(flags, &o.Options, 80*time.Minute)
	sample := flags.String("sample", "", "the scenarios of the other cells")
	list := flags.String("sample-cells", "", "the other cells: releases, each with \":\" and a way to attach or with all")
	arm64 := flags.String("arm64", arm64Cells, "kernels for arm64, likewise")
	atOnceFlag(flags, &o)
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	parts, code, err := allParts(o.Release, *sample, *list)
	if err != nil {
		return code, err
	}
	cells, err := vmtest.Cells(*arm64)
	if err != nil {
		return 2, err
	}
	return withDir(&o.Options, func() (int, error) {
		arm, err := vmtest.NewARM64(ctx, o.Options, os.Stdout)
		if err != nil {
			return 1, err
		}
		table, err := vmtest.Matrix(ctx, o, parts, os.Stdout, arm.Tasks(cells)...)
		err = errors.Join(err, table.WriteCounts(os.Stdout))
		fmt.Printf("arm64: %s\n", arm.Result())
		if err != nil || table.Result().Failed+arm.Result().Failed > 0 {
			return 1, err
		}
		return 0, nil
	})
}

// allParts are all scenarios on the release, and a sample in other cells.
func allParts(release, sample, list string) ([]vmtest.Part, int, error) {
	all, code, err := choose("")
	if err != nil {
		return nil, code, err
	}
	parts := vmtest.AtHome(vmtest.Cell{Release: release, Attach: "auto"}, all)
	if sample == "" {
		return parts, 0, nil
	}
	some, code, err := choose(sample)
	if err != nil {
		return nil, code, err
	}
	cells, err := vmtest.Cells(list)
	return append(parts, vmtest.Everywhere(cells, some)...), 2, err
}

func runARM64(ctx context.Context, args []string) (int, error) {
	flags := newFlags("arm64")
	o := vmtest.Options{Log: os.Stderr}
	list := flags.String("cells", arm64Cells, "releases, each with \":\" and a way to attach or with all")
	flags.DurationVar(&o.Timeout, "timeout", 20*time.Minute, "limit for the time that VMs are up, all together")
	vms := min(runtime.NumCPU(), 4)
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	cells, err := vmtest.Cells(*list)
	if err != nil {
		return 2, err
	}
	return withDir(&o, func() (int, error) {
		arm, err := vmtest.NewARM64(ctx, o, os.Stdout)
		if err != nil {
			return 1, err
		}
		result := arm.Run(ctx, vms, cells)
		fmt.Println(result)
		if result.Failed > 0 {
			return 1, nil
		}
		return 0, nil
	})
}

func runList(_ context.Context, args []string) (int, error) {
	flags := newFlags("list")
	pattern := flags.String("run", "", "list the scenarios that match")
	var choice vmtest.Choice
	flags.StringVar(&choice.Boot, "boot", "", "list the scenarios that need this way of booting")
	flags.BoolVar(&choice.Drafts, "drafts", false, "list drafts, too")
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	scenarios, code, err := chooseOf(*pattern, choice)
	if err != nil {
		return code, err
	}
	for _, s := range scenarios {
		draft := ""
		if s.Draft != "" {
			draft = ", draft: " + s.Draft
		}
		fmt.Printf("%s (boot %s%s)\n    %s\n", s.Name, strings.Join(s.Boots, ", "), draft, strings.ReplaceAll(s.About, "\n", "\n    "))
	}
	return 0, nil
}

func runCorpus(_ context.Context, args []string) (int, error) {
	flags := newFlags("corpus")
	var o vmtest.CorpusOptions
	flags.StringVar(&o.From, "from", "", "directory with a directory for each boot, and in it one for each scenario")
	flags.StringVar(&o.To, "to", "", "directory of recordings")
	flags.BoolVar(&o.Add, "add", false, "leave the other recordings where they are")
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	if o.From == "" || o.To == "" {
		return 2, errors.New("corpus: give both -from and -to")
	}
	names, err := vmtest.Corpus(o)
	if err != nil {
		return 1, err
	}
	fmt.Printf("%d recordings in %s\n", len(names), o.To)
	return 0, nil
}

// given reports whether a flag was on the command line.
func given(flags *flag.FlagSet, name string) bool {
	found := false
	flags.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

func runExec(ctx context.Context, args []string) (int, error) {
	flags := newFlags("exec")
	var o vmtest.Options
	vmFlags(flags, &o, 30*time.Minute)
	boot := flags.String("boot", scenario.PlainBoot, "how the guest is booted")
	user := flags.String("user", "", "who runs the script in the guest (default root)")
	flags.BoolVar(&o.Bench, "bench", false, "boot the image that has the programs that nsblame is measured beside")
	flags.BoolVar(&o.Counted, "icount", false, "have the guest's time count the instructions of its only CPU")
	flags.Var((*list)(&o.Files), "file", "file to push into a directory of the guest's PATH; repeatable")
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	if flags.NArg() == 0 {
		return 2, errors.New("exec: no script given")
	}
	b, err := vmtest.FindBoot(*boot)
	if err != nil {
		return 2, err
	}
	if b.Home != "" && !given(flags, "release") {
		o.Release = b.Home
	}
	return withDir(&o, func() (int, error) {
		e := link.Exec{Script: strings.Join(flags.Args(), " "), User: *user}
		code, err := vmtest.Exec(ctx, o, b, e, os.Stdout, os.Stderr)
		if err != nil {
			return max(code, 1), err
		}
		return code, nil
	})
}

func runBench(ctx context.Context, args []string) (int, error) {
	flags := newFlags("bench")
	o := vmtest.Options{Log: os.Stderr}
	list := flags.String("runs", "bookworm trixie", "releases, each with \":\" and a clock or with both")
	table := flags.String("table", "", "file for the table, beside stdout")
	flags.DurationVar(&o.Timeout, "timeout", time.Hour, "limit for the time that each VM is up")
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	runs, err := vmtest.BenchRuns(*list, flags.Args())
	if err != nil {
		return 2, err
	}
	return withDir(&o, func() (int, error) {
		var text strings.Builder
		err := vmtest.Bench(ctx, o, runs, &text)
		fmt.Print(text.String())
		if *table != "" {
			err = errors.Join(err, os.WriteFile(*table, []byte(text.String()), 0o644))
		}
		if err != nil {
			return 1, err
		}
		return 0, nil
	})
}

func runDemo(ctx context.Context, args []string) (int, error) {
	flags := newFlags("demo")
	var o vmtest.Options
	vmFlags(flags, &o, 10*time.Minute)
	if err := flags.Parse(args); err != nil {
		return 2, err
	}
	return withDir(&o, func() (int, error) {
		if err := vmtest.Demo(ctx, o, os.Stdout, os.Stderr); err != nil {
			return 1, err
		}
		return 0, nil
	})
}
