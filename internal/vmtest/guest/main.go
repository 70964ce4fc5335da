// Command guest is the agent in a test VM. It is started as vmtest.service,
// follows the plan beside its binary, reports over the second serial port and
// powers the machine off.
//
// The harness builds it for each run; it has no use elsewhere.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/vmtest/link"
)

const (
	home        = "/opt/vmtest"
	binDir      = home + "/bin"
	resultsPort = "/dev/ttyS1"
)

func main() {
	port, err := openPort()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vmtest agent:", err)
	} else if err := serve(port); err != nil {
		fmt.Fprintln(os.Stderr, "vmtest agent:", err)
	}
	if port != nil {
		// Let the last bytes leave the port before the power goes.
		_ = unix.IoctlSetInt(int(port.file.Fd()), unix.TCSBRK, 1)
	}
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Fprintln(os.Stderr, "vmtest agent: power off:", err)
		os.Exit(1)
	}
}

// port is the serial port that the host listens to.
type port struct {
	mu   sync.Mutex
	file *os.File
}

func openPort() (*port, error) {
	f, err := os.OpenFile(resultsPort, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	if out, err := exec.Command("stty", "-F", resultsPort, "raw", "-echo").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("stty: %w: %s", err, out)
	}
	return &port{file: f}, nil
}

func (p *port) send(m *link.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return link.Write(p.file, m)
}

// serve carries out the plan. The end is always reported.
func serve(p *port) error {
	kernel, err := openKernelLog()
	if err != nil {
		return err
	}
	end := &link.End{}
	if err := carryOut(p, kernel, end); err != nil {
		end.Error = err.Error()
	}
	end.KernelWarnings = kernel.warnings()
	return p.send(&link.Message{End: end})
}

func carryOut(p *port, kernel *kernelLog, end *link.End) error {
	// Programs pushed by the host and the scenarios' actors.
	if err := os.Setenv("PATH", binDir+":"+os.Getenv("PATH")); err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(home, "plan.json"))
	if err != nil {
		return err
	}
	var plan link.Plan
	if err := json.Unmarshal(raw, &plan); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	if err := settle(); err != nil {
		return err
	}
	hello, err := greet()
	if err != nil {
		return err
	}
	if err := p.send(&link.Message{Hello: hello}); err != nil {
		return err
	}
	if plan.Exec != nil {
		end.ExitCode, err = execute(p, plan.Exec)
		return err
	}
	return (&job{Plan: &plan, port: p, kernel: kernel}).run()
}

// settle waits until the system has booted, so that nothing but a scenario
// creates namespaces.
func settle() error {
	if !bootedSystemd() {
		return nil // the agent is started last
	}
	// It exits with an error for any state but running.
	out, err := exec.Command("systemctl", "is-system-running", "--wait").Output()
	if state := strings.TrimSpace(string(out)); err != nil || state != "running" {
		failed, _ := exec.Command("systemctl", "--failed", "--plain", "--no-legend").Output()
		return fmt.Errorf("the guest is %q instead of running (%w); failed units:\n%s", state, err, failed)
	}
	return nil
}

// bootedSystemd reports whether systemd is the init, as sd_booted(3) does.
func bootedSystemd() bool {
	_, err := os.Lstat("/run/systemd/system")
	return err == nil
}

func greet() (*link.Hello, error) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, err
	}
	hello := &link.Hello{Kernel: strings.TrimSpace(string(release)), Init: "no systemd"}
	if !bootedSystemd() {
		return hello, nil
	}
	version, err := exec.Command("systemctl", "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("systemctl --version: %w", err)
	}
	hello.Init, _, _ = strings.Cut(string(version), "\n")
	return hello, nil
}

// execute runs a script and passes on what it writes as it comes.
func execute(p *port, e *link.Exec) (exitCode int, err error) {
	cmd, err := shell(e.User, e.Script)
	if err != nil {
		return 0, err
	}
	cmd.Dir = binDir
	cmd.Stdout = &outputWriter{port: p}
	cmd.Stderr = &outputWriter{port: p, stderr: true}
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		if status := exit.Sys().(interface{ Signaled() bool }); status.Signaled() {
			return 0, fmt.Errorf("script: %w", err)
		}
		return exit.ExitCode(), nil
	}
	return 0, err
}

type outputWriter struct {
	port   *port
	stderr bool
}

func (w *outputWriter) Write(data []byte) (int, error) {
	return len(data), w.port.send(&link.Message{Output: &link.Output{Stderr: w.stderr, Data: data}})
}
