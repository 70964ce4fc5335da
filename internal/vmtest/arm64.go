package vmtest

import (
	"context"
	_ "embed" // for what is expected
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nsblame/nsblame/internal/vmtest/bare"
	"github.com/nsblame/nsblame/internal/vmtest/image"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

//go:embed bare/bare.txt
var bareScenario string

// arm64Takes is about how long one of its VMs is up.
const arm64Takes = time.Minute

// ARM64 is a run of nsblame on kernels for arm64, which are emulated whatever
// this machine is: does it load, attach and see a creation?
type ARM64 struct {
	o      Options
	config bare.Config
	out    io.Writer
	mu     sync.Mutex // guards what follows
	result Result
}

// NewARM64 builds what is to run.
func NewARM64(ctx context.Context, o Options, out io.Writer) (*ARM64, error) {
	a := &ARM64{o: o, out: out}
	a.config = bare.Config{Init: filepath.Join(o.Dir, "arm64-init"), Nsblame: filepath.Join(o.Dir, "arm64-nsblame")}
	if err := buildFor(ctx, "arm64", a.config.Init, "internal/vmtest/bare/init"); err != nil {
		return nil, err
	}
	return a, buildFor(ctx, "arm64", a.config.Nsblame, "cmd/nsblame")
}

// Run runs all cells, so many at once.
func (a *ARM64) Run(ctx context.Context, vms int, cells []Cell) Result {
	ctx, cancel := context.WithTimeoutCause(ctx, a.o.Timeout, errTimeout)
	defer cancel()
	runQueue(ctx, vms, a.Tasks(cells))
	return a.Result()
}

// Tasks are the VMs for the cells.
func (a *ARM64) Tasks(cells []Cell) []Task {
	var tasks []Task
	for _, c := range cells {
		tasks = append(tasks, Task{arm64Takes, func(ctx context.Context) { a.runCell(ctx, c) }})
	}
	return tasks
}

// Result counts the cells.
func (a *ARM64) Result() Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.result
}

func (a *ARM64) runCell(ctx context.Context, cell Cell) {
	kernel, failures, err := a.look(ctx, cell)
	if err != nil {
		failures = append(failures, err.Error())
	}
	verdict := pass
	if len(failures) > 0 {
		verdict = fail
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.result.add(Case{Name: "arm64 " + cell.String(), Verdict: verdict})
	fmt.Fprintf(a.out, "%s  arm64 %s, Linux %s\n", verdict, cell, kernel)
	for _, f := range failures {
		fmt.Fprintln(a.out, indent(f, "      "))
	}
}

func (a *ARM64) look(ctx context.Context, cell Cell) (kernel string, failures []string, err error) {
	if ctx.Err() != nil {
		return "", nil, context.Cause(ctx)
	}
	sc, err := scenario.Parse("bare", bareScenario)
	if err != nil {
		return "", nil, err
	}
	c := a.config
	c.Attach, c.Dir = cell.Attach, filepath.Join(a.o.Dir, "arm64-"+cell.Release+"-"+cell.Attach)
	if err := os.Mkdir(c.Dir, 0o755); err != nil {
		return "", nil, err
	}
	return runBare(ctx, c, cell, sc, a.o.Log)
}

func runBare(ctx context.Context, c bare.Config, cell Cell, sc *scenario.Scenario, log io.Writer) (string, []string, error) {
	release, err := image.FindRelease(cell.Release)
	if err != nil {
		return "", nil, err
	}
	if c.Kernel, err = image.Kernel(ctx, release, "arm64", log); err != nil {
		return "", nil, err
	}
	kernel, o, err := bare.Run(ctx, c)
	if err != nil {
		return kernel, nil, err
	}
	failures := sc.Judge(o)
	if len(failures) > 0 {
		failures = append(failures, string(o.Stdout), string(o.Stderr), string(o.Scripts))
	}
	return kernel, failures, nil
}
