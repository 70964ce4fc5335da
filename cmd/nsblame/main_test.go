package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsblame/nsblame/internal/kernel"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"nsblame":        main,
		"nsblame-nobody": mainAsNobody,
		"nsblame-fake":   mainOnFakeKernel,
	})
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode":   cmdExitCode,
			"doctorjson": cmdDoctorJSON,
			"waitfor":    cmdWaitFor,
		},
	})
}

// mainAsNobody runs nsblame without any rights.
func mainAsNobody() {
	if os.Geteuid() != 0 {
		main()
		return
	}
	const nobody = 65534
	// The file itself may lie where nobody may not go; the link leads past
	// the directories.
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = "nsblame"
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	err := cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		fmt.Fprintln(os.Stderr, "cannot become nobody:", err)
		os.Exit(99)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// mainOnFakeKernel runs nsblame with a kernel that does as the variable FAKE
// says.
func mainOnFakeKernel() {
	openLive = func(ctx context.Context, opt *traceOptions, stdout, stderr io.Writer) (liveTrace, error) {
		if os.Getenv("FAKE") == "refuses" {
			return nil, fmt.Errorf("open: %w", kernel.Unsupported("attach fentry/copy_net_ns", "ask for a real kernel", kernel.ErrRefused))
		}
		return &fakeTrace{how: os.Getenv("FAKE"), opt: opt, stdout: stdout, stderr: stderr}, nil
	}
	tryProbes = func(context.Context) []kernel.Finding {
		return []kernel.Finding{{
			Name: "copy_net_ns", Verdict: kernel.Missing, Required: true,
			How: "fentry", Detail: "a name with \x1b[31m", Remedy: "none",
		}}
	}
	main()
}

// fakeTrace prints its options, and behaves as asked.
type fakeTrace struct {
	how            string
	opt            *traceOptions
	stdout, stderr io.Writer
}

func (f *fakeTrace) Run(ctx context.Context) error {
	o := f.opt
	fmt.Fprintf(f.stderr, "buffer=%d exec-wait=%s count=%d uids=%v units=%q failed=%v\n",
		o.bufferSize, o.execWait, o.count, o.filter.uids, o.filter.units, o.filter.failed)
	switch f.how {
	case "endless":
		for ctx.Err() == nil {
			if _, err := fmt.Fprintln(f.stdout, "a line"); err != nil {
				return fmt.Errorf("print: %w", err)
			}
		}
	case "stuck":
		<-ctx.Done()
		time.Sleep(200 * time.Millisecond) // until the signals are reset
		if err := os.WriteFile("stuck", nil, 0o600); err != nil {
			return err
		}
		select {}
	case "fails":
		return errors.New("the ring \x1b[2J broke")
	default:
		<-ctx.Done()
	}
	fmt.Fprintln(f.stderr, "summary")
	return nil
}

func (f *fakeTrace) Close() error {
	fmt.Fprintln(f.stderr, "detached")
	return nil
}

// cmdExitCode: exitcode N[|N...] command [args...]
func cmdExitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N command [args...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exited *exec.ExitError
	switch {
	case errors.As(err, &exited):
		code = exited.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if !slices.Contains(strings.Split(args[0], "|"), strconv.Itoa(code)) {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// cmdWaitFor: waitfor file
func cmdWaitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitfor file")
	}
	for range 1000 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s did not appear", args[0])
}

// cmdDoctorJSON: doctorjson checks that stdout is what doctor's JSON must be.
func cmdDoctorJSON(ts *testscript.TestScript, _ bool, _ []string) {
	lines := bytes.Split(bytes.TrimSuffix([]byte(ts.ReadFile("stdout")), []byte("\n")), []byte("\n"))
	for i, line := range lines {
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		if i == len(lines)-1 {
			var v verdict
			ts.Check(dec.Decode(&v))
			if v.Schema != 1 || v.Type != "verdict" || v.Text == "" {
				ts.Fatalf("last line: %s", line)
			}
			continue
		}
		var c check
		ts.Check(dec.Decode(&c))
		known := c.Verdict == kernel.OK || c.Verdict == kernel.Degraded || c.Verdict == kernel.Missing || c.Verdict == kernel.Unknown
		if c.Schema != 1 || c.Type != "check" && c.Type != "probe" || c.Name == "" || c.Detail == "" || !known {
			ts.Fatalf("line %d: %s", i+1, line)
		}
	}
}
