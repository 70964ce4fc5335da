// Package vmtest runs nsblame in a virtual machine with a kernel and a systemd
// of its own, does what scenario files say and holds nsblame's answer against
// what they expect.
//
// README.md in this directory describes the files and the commands.
package vmtest

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nsblame/nsblame/internal/vmtest/image"
	"github.com/nsblame/nsblame/internal/vmtest/link"
	"github.com/nsblame/nsblame/internal/vmtest/machine"
)

// Options are common to all that a VM is booted for.
type Options struct {
	// Release is the code name of the guest's Debian release.
	Release string
	// Bench takes the image that has more in it, to measure nsblame beside.
	Bench bool
	// CPUs is how many a guest has, 2 if it is 0.
	CPUs int
	// Counted makes the guest's time count instructions, see machine.Config.
	Counted bool
	// Attach is how nsblame attaches its probes: its --attach, "auto" if empty.
	Attach string
	// Files are pushed into a directory of the guest's PATH, by their base
	// names.
	Files []string
	// Dir receives the console's output and what else is kept.
	Dir string
	// Timeout bounds the time that VMs are up, all together.
	Timeout time.Duration
	// Log receives progress for people to read.
	Log io.Writer
}

func (o *Options) attach() string { return cmp.Or(o.Attach, defaultAttach) }

const defaultAttach = "auto"

// errTimeout is the cause of a context that ended for being late.
var errTimeout = errors.New("the VMs took too long")

// host is what VMs are booted from.
type host struct {
	Options
	images map[string]*image.Image // by what of it boots, see Boot.Image
	tools  map[string]string       // the files of Boot.Tools, by their names
	agent  string
}

// newHost builds what is not there yet and one of the boots needs.
func newHost(ctx context.Context, o Options, boots []Boot) (*host, error) {
	release, err := image.FindRelease(o.Release)
	if err != nil {
		return nil, err
	}
	h := &host{Options: o, images: map[string]*image.Image{}, tools: map[string]string{}}
	for _, b := range boots {
		if b.Lacking[o.Release] != "" {
			continue
		}
		if err := h.get(ctx, release, b); err != nil {
			return nil, err
		}
	}
	h.agent = filepath.Join(o.Dir, "agent")
	if err := buildStatic(ctx, h.agent, "internal/vmtest/guest"); err != nil {
		return nil, err
	}
	return h, nil
}

// get gets the image and the tools of a boot.
func (h *host) get(ctx context.Context, release image.Release, b Boot) (err error) {
	if h.images[b.Image] == nil {
		variant := release.As(b.Image)
		if h.Bench {
			variant = release.As(image.Bench)
		}
		if h.images[b.Image], err = image.Get(ctx, variant, h.Log); err != nil {
			return err
		}
	}
	for _, name := range b.Tools {
		if h.tools[name] == "" {
			if h.tools[name], err = tool(ctx, name, h.Log); err != nil {
				return err
			}
		}
	}
	return nil
}

// limited bounds what is done with VMs.
func (h *host) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, h.Timeout, errTimeout)
}

// consoleLog returns the file in Options.Dir that receives the console's output
// of a boot.
func consoleLog(dir string, b Boot) string {
	return filepath.Join(dir, "console-"+b.Name+".log")
}

const (
	usualMemoryMiB = 2048
	usualCPUs      = 2
)

func (o *Options) cpus() int { return cmp.Or(o.CPUs, usualCPUs) }

// run runs a plan in a fresh VM and calls handle for each message, the last of
// which is the End that it returns.
func (h *host) run(ctx context.Context, b Boot, plan *link.Plan, handle func(*link.Message) error) (*link.End, error) {
	files := filepath.Join(h.Dir, "files.tar")
	plan.Attach = h.attach()
	programs := slices.Clone(h.Files)
	for _, name := range b.Tools {
		programs = append(programs, h.tools[name])
	}
	if err := pack(files, h.agent, b, plan, programs); err != nil {
		return nil, fmt.Errorf("pack files for the guest: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = read.Close() }()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	console := consoleLog(h.Dir, b)
	fmt.Fprintf(h.Log, "booting a VM with Debian %s (%s), attach %s: %s, %s\n", h.Release, machine.Accelerator(), plan.Attach, b.Name, b.About)
	ended, img := make(chan error, 1), h.images[b.Image]
	go func() {
		ended <- machine.Run(ctx, machine.Config{
			Kernel: img.Kernel, Initrd: img.Initrd, Disk: img.Disk, Files: files,
			Append:  strings.TrimSpace("init=" + image.Init + " " + b.Append),
			Console: console, Results: write, MemoryMiB: cmp.Or(b.MemoryMiB, usualMemoryMiB), CPUs: h.cpus(), Counted: h.Counted,
		})
		_ = write.Close() // the reader sees the end of what the guest sent
	}()
	end, err := receive(link.NewReader(read), handle)
	if err != nil {
		cancel()
	}
	switch runErr := <-ended; {
	case runErr != nil && (err != nil || !errors.Is(runErr, context.Canceled)):
		return nil, fmt.Errorf("%w\nthe last lines of the guest's console:\n%s", runErr, machine.ConsoleTail(console, 40))
	case err != nil:
		return nil, fmt.Errorf("%w\nthe last lines of the guest's console:\n%s", err, machine.ConsoleTail(console, 40))
	case end.Error != "":
		return nil, fmt.Errorf("guest: %s\nthe last lines of the guest's console:\n%s", end.Error, machine.ConsoleTail(console, 40))
	}
	return end, nil
}

func receive(r *link.Reader, handle func(*link.Message) error) (*link.End, error) {
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the guest went away before it had reported its end")
		}
		if err != nil {
			return nil, err
		}
		if m.End != nil {
			return m.End, nil
		}
		if err := handle(m); err != nil {
			return nil, err
		}
	}
}

// moduleRoot returns the directory of the module that is being tested.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module's root: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// buildStatic builds a program of this module that needs nothing of the guest.
func buildStatic(ctx context.Context, out, pkg string) error { return buildFor(ctx, "amd64", out, pkg) }

func buildFor(ctx context.Context, arch, out, pkg string) error {
	return compileStatic(ctx, arch, "build", "-o", out, "./"+pkg)
}

// compileStatic runs go for what is to run in a guest.
func compileStatic(ctx context.Context, arch string, args ...string) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	return compileIn(ctx, root, arch, args...)
}

func compileIn(ctx context.Context, dir, arch string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, said)
	}
	return nil
}

// pack writes the archive that the guest unpacks.
func pack(path, agent string, b Boot, plan *link.Plan, files []string) (err error) {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := tar.NewWriter(out)
	raw, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	if err := packData(w, "plan.json", raw, 0o644); err != nil {
		return err
	}
	prepare := "ATTACH=" + plan.Attach + "\n"
	if plan.Record {
		prepare += "RECORD=yes\n"
	}
	prepare += b.Prepare
	if err := packData(w, "prepare", []byte(prepare), 0o644); err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
		return err
	}
	if err := packFile(w, "agent", agent); err != nil {
		return err
	}
	for _, file := range files {
		if err := packFile(w, "bin/"+filepath.Base(file), file); err != nil {
			return err
		}
	}
	return w.Close()
}

func packFile(w *tar.Writer, name, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	// Whoever runs it in the guest may be an ordinary user.
	mode := int64(info.Mode().Perm() | 0o444)
	if mode&0o100 != 0 {
		mode |= 0o111
	}
	return packData(w, name, data, mode)
}

func packData(w *tar.Writer, name string, data []byte, mode int64) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}
