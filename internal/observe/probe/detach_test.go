package probe

import (
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// What is handed on stays open when its owner closes it, and is closed in the end.
func TestHoldFiles(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = holdFiles([]int32{int32(w.Fd())})
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		t.Skip("this machine refuses io_uring: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes, %v; want the end of the file", n, err)
	}
}

// Programs that nobody can stop are detached before the end is reported.
func TestOnFunction(t *testing.T) {
	for program, want := range map[string]bool{
		bpfProgCreateFentry: true, bpfProgCreateKretprobe: true, bpfProgFreePassiveFentry: true,
		bpfProgConntrackKprobe: true, bpfProgProcessFork: false, bpfProgModuleGoes: false,
	} {
		if got := onFunction(program); got != want {
			t.Errorf("%s: %v", program, got)
		}
	}
}
