package vmtest

import (
	"context"
	_ "embed" // for what is expected
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nsblame/nsblame/internal/vmtest/bare"
	"github.com/nsblame/nsblame/internal/vmtest/image"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

//go:embed bare/bare.txt
var bareScenario string

// ARM64 runs nsblame on the releases' kernels for arm64, which are emulated
// whatever this machine is: does it load, attach and see a creation?
func ARM64(ctx context.Context, o Options, cells []Cell, out io.Writer) (Result, error) {
	var r Result
	sc, err := scenario.Parse("bare", bareScenario)
	if err != nil {
		return r, err
	}
	c := bare.Config{Init: filepath.Join(o.Dir, "init"), Nsblame: filepath.Join(o.Dir, "nsblame")}
	if err := buildFor(ctx, "arm64", c.Init, "internal/vmtest/bare/init"); err != nil {
		return r, err
	}
	if err := buildFor(ctx, "arm64", c.Nsblame, "cmd/nsblame"); err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, errTimeout)
	defer cancel()
	for _, cell := range cells {
		c.Attach, c.Dir = cell.Attach, filepath.Join(o.Dir, cell.Release+"-"+cell.Attach)
		if err := os.Mkdir(c.Dir, 0o755); err != nil {
			return r, err
		}
		kernel, failures, err := runBare(ctx, c, cell, sc, o.Log)
		if err != nil {
			failures = append(failures, err.Error())
		}
		verdict := pass
		if len(failures) > 0 {
			verdict = fail
		}
		r.add(Case{Name: cell.String(), Verdict: verdict})
		fmt.Fprintf(out, "%s  arm64 %s, Linux %s\n", verdict, cell, kernel)
		for _, f := range failures {
			fmt.Fprintln(out, indent(f, "      "))
		}
	}
	return r, nil
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
