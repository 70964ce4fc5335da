// Package bare boots a stock kernel of another architecture with nothing but
// nsblame and a static first process, and returns what nsblame said.
package bare

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nsblame/nsblame/internal/vmtest/link"
	"github.com/nsblame/nsblame/internal/vmtest/machine"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// Config is a machine for arm64.
type Config struct {
	// Kernel boots it.
	Kernel string
	// Init and Nsblame are static programs.
	Init, Nsblame string
	// Attach is nsblame's --attach.
	Attach string
	// Dir is for the archive that the kernel unpacks, and the console's output.
	Dir string
}

// Run boots the machine, and returns the kernel's release and the outcome.
func Run(ctx context.Context, c Config) (kernel string, o *scenario.Outcome, err error) {
	archive := filepath.Join(c.Dir, "initrd")
	if err := c.pack(archive); err != nil {
		return "", nil, fmt.Errorf("pack the first file system: %w", err)
	}
	console := filepath.Join(c.Dir, "console.log")
	cmd := exec.CommandContext(ctx, machine.QEMUARM64, "-nodefaults", "-no-user-config", "-no-reboot",
		"-display", "none", "-monitor", "none", "-nic", "none",
		"-machine", "virt", "-cpu", "max", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024",
		"-kernel", c.Kernel, "-initrd", archive, "-append", "console=ttyAMA0 loglevel=3 panic=-1 rdinit=/init",
		"-serial", "file:"+console)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", nil, errors.Join(context.Cause(ctx), fmt.Errorf("%s: %w\n%s", machine.QEMUARM64, err, said))
	}
	kernel, o, err = read(console)
	if err == nil && o == nil {
		err = errors.New("the guest went away before it was done")
	}
	if err != nil {
		err = fmt.Errorf("%w\nthe last lines of the guest's console:\n%s", err, machine.ConsoleTail(console, 40))
	}
	return kernel, o, err
}

func (c Config) pack(path string) (err error) {
	entries := []entry{
		{name: "bin", mode: directory},
		{name: "dev", mode: directory},
		{name: "bin/unshare", mode: symlink, data: []byte("/init")},
		{name: "bin/true", mode: symlink, data: []byte("/init")},
		{name: "attach", mode: text, data: []byte(c.Attach)},
	}
	for name, path := range map[string]string{"init": c.Init, "bin/nsblame": c.Nsblame} {
		e, err := readProgram(name, path)
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(writeArchive(w, entries), w.Flush(), f.Close())
}

// read takes the messages out of the console's output, where the kernel may
// write lines as well.
func read(console string) (kernel string, o *scenario.Outcome, err error) {
	data, err := os.ReadFile(console)
	if err != nil {
		return "", nil, err
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if i := strings.Index(line, link.Tag+" "); i >= 0 {
			lines = append(lines, line[i:])
		}
	}
	r := link.NewReader(strings.NewReader(strings.Join(lines, "")))
	for {
		m, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return kernel, o, nil
		case err != nil:
			return kernel, o, err
		case m.Hello != nil:
			kernel = m.Hello.Kernel
		case m.Outcome != nil:
			o = m.Outcome
		case m.End != nil && m.End.Error != "":
			return kernel, o, errors.New(m.End.Error)
		}
	}
}
