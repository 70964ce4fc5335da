package procfs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

// self returns the identity of the test's own process.
func self(t *testing.T) event.ProcessID {
	t.Helper()
	pid := uint32(os.Getpid())
	ticks, err := Default().startTicks(pid)
	if err != nil {
		t.Fatal(err)
	}
	return event.ProcessID{PID: pid, StartNS: ticks*tickNS + 1234}
}

func TestProgramOfALivingProcess(t *testing.T) {
	prog, err := Default().Program(self(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(os.Args, prog.Argv); diff != "" {
		t.Errorf("argv (-want +got):\n%s", diff)
	}
	if exe, _ := os.Executable(); prog.Exe != exe {
		t.Errorf("exe = %q, want %q", prog.Exe, exe)
	}
}

func TestProgramOfAReusedPid(t *testing.T) {
	id := self(t)
	id.StartNS -= tickNS
	if _, err := Default().Program(id); !errors.Is(err, ErrGone) {
		t.Errorf("err = %v, want ErrGone", err)
	}
}

func TestProgramOfNoProcess(t *testing.T) {
	if _, err := Default().Program(event.ProcessID{PID: 1 << 30}); !errors.Is(err, ErrGone) {
		t.Errorf("err = %v, want ErrGone", err)
	}
}

func TestStartTicksBehindAHostileComm(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "7"), 0o755); err != nil {
		t.Fatal(err)
	}
	stat := "7 (a) S 1) R (\n) S 1" + strings.Repeat(" 0", 17) + " 4711 99\n"
	if err := os.WriteFile(filepath.Join(root, "7", "stat"), []byte(stat), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := FS{root: root}.startTicks(7)
	if err != nil || got != 4711 {
		t.Errorf("startTicks = %d, %v; want 4711", got, err)
	}
}

func TestSplitArgv(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		want      []string
		cut       bool
	}{
		{"none", "", nil, false},
		{"one", "a\x00", []string{"a"}, false},
		{"empty arguments", "a\x00\x00b\x00\x00", []string{"a", "", "b", ""}, false},
		{"no final NUL", "a\x00b", []string{"a", "b"}, false},
		{"too long", strings.Repeat("x", maxArgv+1), []string{strings.Repeat("x", maxArgv)}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, cut := SplitArgv([]byte(tt.raw))
			if diff := cmp.Diff(tt.want, got); diff != "" || cut != tt.cut {
				t.Errorf("cut %v, (-want +got):\n%s", cut, diff)
			}
		})
	}
}
