package privilege

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	libcap "kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// What is given up is so for good: so the test does it in a process of its own.
const inChild = "NSBLAME_TEST_KEEP"

func TestMain(m *testing.M) {
	if os.Getenv(inChild) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child has many threads when it gives up all but two capabilities, starts a
// few more, and prints the rights of each and of a program that it runs.
func child() error {
	var busy, ready sync.WaitGroup
	release := make(chan struct{})
	threads := func() {
		for range 8 {
			busy.Add(1)
			ready.Add(1)
			go func() {
				defer busy.Done()
				runtime.LockOSThread()
				ready.Done()
				<-release
			}()
		}
		ready.Wait()
	}
	threads()
	if err := Keep(libcap.SYS_PTRACE, libcap.BPF); err != nil {
		return err
	}
	threads()
	tasks, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		status, err := os.ReadFile(task)
		if err != nil {
			return err
		}
		fmt.Println(rights(status))
	}
	close(release)
	busy.Wait()
	status, err := exec.Command("cat", "/proc/self/status").Output()
	fmt.Println("program", rights(status))
	return err
}

// rights are what /proc/PID/status says of them, on one line.
func rights(status []byte) string {
	var list []string
	for line := range bytes.Lines(status) {
		if bytes.HasPrefix(line, []byte("Cap")) && !bytes.HasPrefix(line, []byte("CapBnd")) || bytes.HasPrefix(line, []byte("NoNewPrivs")) {
			list = append(list, strings.Join(strings.Fields(string(line)), " "))
		}
	}
	return strings.Join(list, ", ")
}

// All threads, those to come too, have what was kept and nothing else, and a
// program that root runs has no more.
func TestKeep(t *testing.T) {
	before, err := kernel.Capabilities()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), inChild+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	kept := before & (1<<libcap.SYS_PTRACE | 1<<libcap.BPF)
	want := fmt.Sprintf("CapInh: %016x, CapPrm: %016x, CapEff: %016x, CapAmb: %016x, NoNewPrivs: 1", 0, kept, kept, 0)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 17 {
		t.Fatalf("%d lines:\n%s", len(lines), out)
	}
	last := len(lines) - 1
	for _, line := range lines[:last] {
		if line != want {
			t.Errorf("a thread has %s, want %s", line, want)
		}
	}
	if !strings.HasSuffix(lines[last], "NoNewPrivs: 1") || !within(t, lines[last], kept) {
		t.Errorf("%s", lines[last])
	}
}

// within reports whether the capabilities of a line are among those kept.
func within(t *testing.T, line string, kept kernel.CapabilitySet) bool {
	t.Helper()
	_, after, _ := strings.Cut(line, "CapPrm: ")
	var permitted uint64
	if _, err := fmt.Sscanf(after, "%x", &permitted); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return permitted&^uint64(kept) == 0
}
