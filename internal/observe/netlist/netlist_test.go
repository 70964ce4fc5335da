package netlist

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/unsupported"
)

// The kernel says which namespaces there are, this process's own among them, or
// that it may not be asked, and what to do.
func TestNamespaces(t *testing.T) {
	k, err := Open()
	if err != nil {
		var lack *unsupported.Error
		if !errors.As(err, &lack) || lack.Remedy == "" {
			t.Fatalf("err = %v, want one with a remedy", err)
		}
		return
	}
	defer k.Close()
	for range 2 { // it can be asked again
		list, whole, err := k.Namespaces()
		if err != nil || !whole {
			t.Fatalf("whole %v, err = %v", whole, err)
		}
		var st unix.Stat_t
		if err := unix.Stat("/proc/self/ns/net", &st); err != nil {
			t.Fatal(err)
		}
		seen := make(map[uint32]int)
		for _, n := range list {
			seen[n.Inum]++
			if n.UserInum == 0 {
				t.Errorf("%+v has no owner", n)
			}
		}
		if seen[uint32(st.Ino)] != 1 || len(seen) != len(list) {
			t.Errorf("list %+v, want %d in it once", list, st.Ino)
		}
	}
	if _, _, err := k.Files(); err != nil {
		t.Error(err)
	}
}

// A file of nsfs and a socket are found by what they hold.
func TestFiles(t *testing.T) {
	k, err := Open()
	if err != nil {
		return // TestNamespaces says whether rightly so
	}
	defer k.Close()
	f, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, _, err := k.Files()
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for _, file := range list {
		if file.Process.PID == uint32(os.Getpid()) && file.FD == uint32(f.Fd()) {
			if file.Kind != Nsfs || file.Inum != uint32(st.Ino) {
				t.Errorf("file %+v, want namespace %d", file, st.Ino)
			}
			return
		}
	}
	if initial, err := kernel.InInitialPIDNamespace(); err == nil && initial {
		t.Errorf("files %+v lack %d of process %d", list, f.Fd(), os.Getpid())
	}
}

func TestDecodeFiles(t *testing.T) {
	var raw bytes.Buffer
	records := []listFileRecord{
		{Kind: uint32(listFileKindFILE_NSFS), Pid: 7, Tid: 8, Fd: 3, Inum: 4026532000, StartNs: 99},
		{Kind: uint32(listFileKindFILE_SOCKET), Pid: 9, Tid: 9, Fd: 4, Inum: 4026532001, StartNs: 100, Ino: 55, Family: 2},
		{Kind: uint32(listFileKindFILE_MESSAGE), Pid: 9, Tid: 9, Fd: 5, Inum: 4026532002, StartNs: 100},
	}
	for _, rec := range records {
		if err := binary.Write(&raw, binary.NativeEndian, rec); err != nil {
			t.Fatal(err)
		}
	}
	got, err := decodeFiles(raw.Bytes())
	want := []File{
		{Kind: Nsfs, Process: event.ProcessID{PID: 7, StartNS: 99}, TID: 8, FD: 3, Inum: 4026532000},
		{Kind: Socket, Process: event.ProcessID{PID: 9, StartNS: 100}, TID: 9, FD: 4, Inum: 4026532001, Ino: 55, Family: 2},
		{Kind: Message, Process: event.ProcessID{PID: 9, StartNS: 100}, TID: 9, FD: 5, Inum: 4026532002},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("err = %v, (-want +got):\n%s", err, diff)
	}
	if _, err := decodeFiles(raw.Bytes()[:raw.Len()-1]); !errors.Is(err, errPartialRecord) {
		t.Errorf("err = %v of a cut record", err)
	}
}
