// Package machine boots a VM under QEMU.
package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	qemu = "qemu-system-x86_64"
	// QEMUARM64 emulates arm64.
	QEMUARM64 = "qemu-system-aarch64"
	// QEMU 7.2 corrupts the memory of a guest with more than one CPU.
	qemuMajor = 10
)

// Config is a machine.
type Config struct {
	// Kernel and Initrd boot it.
	Kernel, Initrd string
	// Disk is /dev/vda, the root. It stays unchanged: what the guest writes is
	// dropped at the end.
	Disk string
	// Files is /dev/vdb, read-only.
	Files string
	// Append is added to the kernel's command line.
	Append string
	// Console is the file that the first serial port writes to.
	Console string
	// Results receives what the guest writes to its second serial port. Run
	// leaves it open.
	Results *os.File
	// MemoryMiB is the size of its memory.
	MemoryMiB int
	// CPUs is how many it has. They take turns if this machine has fewer.
	CPUs int
	// Counted makes the guest's time count the instructions of its only CPU. So
	// its measurements do not depend on this machine's other load. It has to be
	// emulated then.
	Counted bool
}

// Run boots the machine and returns when it is off, or ctx ended.
func Run(ctx context.Context, c Config) error {
	if err := checkQEMU(ctx); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, qemu, c.args()...)
	cmd.ExtraFiles = []*os.File{c.Results}
	var said strings.Builder
	cmd.Stderr = &said
	// In a process group of its own, a Ctrl-C reaches it only through ctx.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}

	// Pdeathsig is sent when the thread that started the process ends, so that
	// thread must last.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s: %w\n%s", qemu, err, said.String())
	}
	return nil
}

func (c Config) args() []string {
	args := []string{
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none", "-nic", "none",
		"-m", strconv.Itoa(c.MemoryMiB),
		"-kernel", c.Kernel, "-initrd", c.Initrd,
		"-append", strings.TrimSpace("root=/dev/vda rw console=ttyS0 loglevel=4 systemd.show_status=auto panic=-1 fsck.mode=skip " + c.clock() + c.Append),
		"-drive", "if=virtio,format=raw,snapshot=on,file=" + escape(c.Disk),
		"-drive", "if=virtio,format=raw,readonly=on,file=" + escape(c.Files),
		"-chardev", "file,id=console,path=" + escape(c.Console), "-serial", "chardev:console",
		"-chardev", "file,id=results,path=/dev/fd/3", "-serial", "chardev:results",
		// Without it the guest starts with little entropy and waits for more.
		"-device", "virtio-rng-pci",
	}
	if c.Counted {
		return append(args, "-smp", "1", "-cpu", "max", "-accel", "tcg,thread=single", "-icount", "shift=2,sleep=off")
	}
	return append(append(args, "-smp", strconv.Itoa(c.CPUs)), accelerate()...)
}

// escape protects the commas that separate QEMU's options.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }

// Accelerator says how a guest runs here: "kvm", or "tcg" if it has to be
// emulated. The device node alone proves nothing, because some hosts have a
// /dev/kvm that boots no stock kernel.
func Accelerator() string {
	if cpuHasVirtualization() && unix.Access("/dev/kvm", unix.R_OK|unix.W_OK) == nil {
		return "kvm"
	}
	return "tcg"
}

// accelerate names the accelerator explicitly, because QEMU's own choice trusts
// the device node.
func accelerate() []string {
	if Accelerator() == "kvm" {
		return []string{"-cpu", "host", "-accel", "kvm"}
	}
	return []string{"-cpu", emulatedCPU, "-accel", "tcg,thread=multi"}
}

// emulatedCPU lacks what takes QEMU longer than what a program has in its place: it copies
// byte after byte for "rep movsb", and has no instructions as wide as AVX's.
const emulatedCPU = "max,-erms,-fsrm,-avx,-avx2,-fma,-f16c"

// clock says where the kernel takes the time from. Linux doubts the TSCs of several
// emulated CPUs (unsynchronized_tsc in arch/x86/kernel/tsc.c), though they are one
// counter of QEMU's. The device that it takes instead stops QEMU at each look.
func (c Config) clock() string {
	if c.Counted || Accelerator() == "kvm" {
		return ""
	}
	return "tsc=reliable clocksource=tsc "
}

var virtualization = regexp.MustCompile(`(?m)^flags\s*:.*\b(vmx|svm)\b`)

func cpuHasVirtualization() bool {
	info, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && virtualization.Match(info)
}

var qemuVersion = regexp.MustCompile(`version (\d+)\.`)

func checkQEMU(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, qemu, "--version").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s not found: run make deps, or install qemu-system-x86, version %d or newer (Debian 12: from bookworm-backports)", qemu, qemuMajor)
	}
	if err != nil {
		return fmt.Errorf("%s --version: %w", qemu, err)
	}
	return checkVersion(string(out))
}

func checkVersion(output string) error {
	found := qemuVersion.FindStringSubmatch(output)
	if found == nil {
		return fmt.Errorf("%s --version: no version in %q", qemu, output)
	}
	major, err := strconv.Atoi(found[1])
	if err != nil {
		return fmt.Errorf("%s --version: %w", qemu, err)
	}
	if major < qemuMajor {
		return fmt.Errorf("QEMU %d is too old, it corrupts the memory of guests with several CPUs: run make deps, or install qemu-system-x86, version %d or newer (Debian 12: from bookworm-backports)", major, qemuMajor)
	}
	return nil
}

// ConsoleTail returns the last lines of a console's file.
func ConsoleTail(path string, lines int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "no console output: " + err.Error()
	}
	all := strings.Split(strings.TrimRight(strings.ReplaceAll(string(data), "\r", ""), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
