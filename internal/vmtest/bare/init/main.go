// Command init is all that a bare VM runs beside nsblame: the first process, and
// under other names the programs that make a namespace. Only this file system
// in memory is there, no systemd and no module.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/vmtest/link"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// unshare moves the thread that calls it, which must be the first one for the
// process to be in the new namespace: main is held on it.
func init() { runtime.LockOSThread() }

func main() {
	switch filepath.Base(os.Args[0]) {
	case "unshare":
		if err := unshare(); err != nil {
			fmt.Fprintln(os.Stderr, "unshare:", err)
			os.Exit(1)
		}
	case "true":
	default:
		first()
	}
}

func unshare() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	return unix.Exec("/bin/true", []string{"true"}, os.Environ())
}

// first is the first process.
func first() {
	end := &link.End{}
	if err := boot(); err != nil {
		end.Error = err.Error()
	}
	if err := link.Write(os.Stdout, &link.Message{End: end}); err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
	}
	_ = unix.IoctlSetInt(1, unix.TCSBRK, 1) // the last bytes leave the port
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func boot() error {
	for _, m := range []struct{ kind, at string }{
		{"proc", "/proc"},
		{"sysfs", "/sys"},
		{"devtmpfs", "/dev"},
		{"tmpfs", "/run"},
		{"tracefs", "/sys/kernel/tracing"},
		{"cgroup2", "/sys/fs/cgroup"},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return err
	}
	hello := &link.Hello{Kernel: strings.TrimSpace(string(release)), Init: "no systemd"}
	if err := link.Write(os.Stdout, &link.Message{Hello: hello}); err != nil {
		return err
	}
	attach, err := os.ReadFile("/attach")
	if err != nil {
		return err
	}
	return link.Write(os.Stdout, &link.Message{Outcome: trace(string(attach))})
}

// trace runs doctor and list, and what makes a namespace under trace.
func trace(attach string) *scenario.Outcome {
	o := &scenario.Outcome{Name: "bare"}
	said, err := exec.Command("/bin/nsblame", "doctor", "--attach", attach).CombinedOutput()
	o.Scripts = said
	if err != nil {
		o.Errors = append(o.Errors, "doctor: "+err.Error())
	}
	o.Errors = append(o.Errors, list()...)
	var stdout, stderr output
	cmd := exec.Command("/bin/nsblame", "trace", "--output", "json", "--ready-file", "/run/ready", "--attach", attach)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Start()
	if err == nil {
		err = steps(&stdout)
		err = errors.Join(err, cmd.Process.Signal(os.Interrupt))
		_ = cmd.Wait() // the state tells
		o.ExitCode = cmd.ProcessState.ExitCode()
	}
	if err != nil {
		o.Errors = append(o.Errors, err.Error())
	}
	o.Stdout, o.Stderr = stdout.bytes(), stderr.bytes()
	return o
}

// list says what is wrong with the list of the one namespace that there is.
func list() []string {
	said, err := exec.Command("/bin/nsblame", "list", "--output", "json").CombinedOutput()
	if err != nil {
		return []string{fmt.Sprintf("list: %v: %s", err, said)}
	}
	for _, want := range []string{`"initial":true`, `"listed":1,`, `"incomplete":false`} {
		if !bytes.Contains(said, []byte(want)) {
			return []string{fmt.Sprintf("list lacks %s: %s", want, said)}
		}
	}
	return nil
}

func steps(stdout *output) error {
	if err := await("nsblame to be ready", func() bool { _, err := os.Stat("/run/ready"); return err == nil }); err != nil {
		return err
	}
	if said, err := exec.Command("/bin/unshare", "-n", "true").CombinedOutput(); err != nil {
		return fmt.Errorf("unshare: %w: %s", err, said)
	}
	return await("the creation", func() bool { return bytes.Contains(stdout.bytes(), []byte(`"netns_create"`)) })
}

// await looks at a condition until it is true, within two minutes.
func await(what string, condition func() bool) error {
	for until := time.Now().Add(2 * time.Minute); !condition(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			return errors.New("waited in vain for " + what)
		}
	}
	return nil
}
