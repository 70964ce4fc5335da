package vmtest

import (
	"context"
	_ "embed" // for the demo's script
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/nsblame/nsblame/internal/vmtest/link"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// Exec runs a shell script in a fresh VM, passes on what it writes and returns
// its exit code.
func Exec(ctx context.Context, o Options, b Boot, e link.Exec, stdout, stderr io.Writer) (int, error) {
	h, err := newHost(ctx, o, []Boot{b})
	if err != nil {
		return 0, err
	}
	ctx, cancel := h.limited(ctx)
	defer cancel()
	end, err := h.run(ctx, b, &link.Plan{Exec: &e}, func(m *link.Message) error {
		switch {
		case m.Hello != nil:
			greet(o.Log, m.Hello)
		case m.Output != nil && m.Output.Stderr:
			_, err := stderr.Write(m.Output.Data)
			return err
		case m.Output != nil:
			_, err := stdout.Write(m.Output.Data)
			return err
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if len(end.KernelWarnings) > 0 {
		return end.ExitCode, fmt.Errorf("the guest's kernel complained:\n%s", strings.Join(end.KernelWarnings, "\n"))
	}
	return end.ExitCode, nil
}

func greet(log io.Writer, h *link.Hello) {
	fmt.Fprintf(log, "the VM is up: Linux %s, %s\n", h.Kernel, h.Init)
}

//go:embed demo.sh
var demoScript string

// Demo builds nsblame and shows it at work in a fresh VM on the case that it
// was built for.
func Demo(ctx context.Context, o Options, stdout, stderr io.Writer) error {
	nsblame := filepath.Join(o.Dir, "nsblame")
	if err := buildStatic(ctx, nsblame, "cmd/nsblame"); err != nil {
		return err
	}
	o.Files = append(o.Files, nsblame)
	b, err := FindBoot(scenario.PlainBoot)
	if err != nil {
		return err
	}
	code, err := Exec(ctx, o, b, link.Exec{Script: demoScript}, stdout, stderr)
	if err == nil && code != 0 {
		err = errors.New("the demo failed in the guest, see above")
	}
	return err
}
