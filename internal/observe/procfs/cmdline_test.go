package procfs

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
)

// longEnv has the test's own program play a process with a command line of so
// many MiB.
const longEnv = "NSBLAME_TEST_LONG_COMMAND_LINE"

func TestMain(m *testing.M) {
	if mib, err := strconv.Atoi(os.Getenv(longEnv)); err == nil {
		haveLongCommandLine(mib)
	}
	os.Exit(m.Run())
}

// haveLongCommandLine lets the kernel take a mapping of that many MiB for the
// command line (prctl(2), PR_SET_MM_MAP), which needs no rights, and then waits
// for the end of its input.
func haveLongCommandLine(mib int) {
	text, err := unix.Mmap(-1, 0, mib<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err == nil {
		err = takeForCommandLine(text)
	}
	fmt.Println(err)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	os.Exit(0)
}

// mmMap is struct prctl_mm_map.
type mmMap struct {
	startCode, endCode, startData, endData, startBrk, brk, startStack uint64
	argStart, argEnd, envStart, envEnd                                uint64
	auxv                                                              uint64
	auxvSize, exeFD                                                   uint32
}

func takeForCommandLine(text []byte) error {
	copy(text, "innocent\x00")
	raw, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return err
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	field := func(n int) uint64 { // as proc(5) counts them
		v, _ := strconv.ParseUint(fields[n-3], 10, 64)
		return v
	}
	brk, _, _ := unix.Syscall(unix.SYS_BRK, 0, 0, 0)
	m := mmMap{
		startCode: field(26), endCode: field(27), startStack: field(28), startData: field(45), endData: field(46),
		startBrk: field(47), brk: uint64(brk), envStart: field(50), envEnd: field(51), exeFD: ^uint32(0),
		argStart: uint64(uintptr(unsafe.Pointer(&text[0]))), argEnd: uint64(uintptr(unsafe.Pointer(&text[0]))) + uint64(len(text)),
	}
	return unix.Prctl(unix.PR_SET_MM, unix.PR_SET_MM_MAP, uintptr(unsafe.Pointer(&m)), unsafe.Sizeof(m), 0)
}

// longCommandLine starts a process with a command line of so many MiB.
func longCommandLine(t *testing.T, mib int) event.ProcessID {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), longEnv+"="+strconv.Itoa(mib))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if said != "<nil>\n" {
		t.Skip("this kernel lets no process set its command line: ", said)
	}
	st, err := Default().Stat(uint32(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return st.ID
}

// Of a command line of any length only what is kept is read.
func TestACommandLineOfAnyLengthIsNotReadWhole(t *testing.T) {
	id := longCommandLine(t, 1024)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	prog, err := NewReader(Default(), Patient).Program(id)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if !prog.ArgvTruncated || prog.Argv[0] != "innocent" {
		t.Errorf("truncated %t, %d arguments", prog.ArgvTruncated, len(prog.Argv))
	}
	if size := len(strings.Join(prog.Argv, "\x00")); size > maxArgv {
		t.Errorf("%d bytes are kept", size)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
		t.Errorf("it took %d bytes", took)
	}
}

// Files of /proc whose length a process decides on are read to a bound.
func TestFilesAreReadToABound(t *testing.T) {
	root := t.TempDir()
	long := strings.Repeat("x", 8<<20)
	files := map[string]string{
		"stat":       "7 (" + "sh" + ") S 1" + strings.Repeat(" 0", 17) + " 4711 99 " + long,
		"status":     "Name:\tsh\nUid:\t1000\t0\t0\t0\nGroups:\t" + long,
		"fdinfo/5":   "pos:\t0\nflags:\t0100001\n" + strings.Repeat("tfd: 8\n", 1<<20),
		"cgroup":     "0::/" + long,
		"fdinfo/6":   long,
		"cmdline":    long,
		"fdinfo/100": "",
	}
	for name, text := range files {
		at := FS{root: root}.path(7, name)
		if err := os.MkdirAll(FS{root: root}.path(7, "fdinfo"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := At(root)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if st, err := f.Stat(7); err != nil || st.ID.StartNS != 4711*tickNS {
		t.Errorf("stat: %+v, %v", st, err)
	}
	if uid, err := f.UID(7); err != nil || uid != 1000 {
		t.Errorf("user %d, %v", uid, err)
	}
	if !f.Writes(7, 5) || f.Writes(7, 6) {
		t.Error("the flags of a file with a long fdinfo were not found")
	}
	if path, err := f.Cgroup(7, "unified"); err == nil {
		t.Errorf("a cgroup of %d bytes", len(path))
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 2<<20 {
		t.Errorf("it took %d bytes", took)
	}
}
