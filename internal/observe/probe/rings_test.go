package probe

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// smallRings returns a collection with rings of a page, and its processes followed.
func smallRings(t *testing.T) (*collection, *rings) {
	t.Helper()
	set := choose(Options{Life: true}, kernel.HierarchyUnified)
	set.ring = os.Getpagesize()
	coll, err := newCollection(set)
	skipIfRefused(t, err)
	t.Cleanup(func() { _ = coll.Close() })
	skipIfRefused(t, coll.attachGroups(groups[:tracepointGroups]))
	r, err := coll.openRings()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return coll, r
}

// watch has the end of a process be reported, as if it had made a namespace.
func (coll *collection) watch(t *testing.T, pid uint32) {
	t.Helper()
	key, ok := coll.living(pid)
	if !ok {
		t.Fatal("the process is not in the table")
	}
	var p bpfProcess
	if err := coll.maps[bpfMapProcesses].Lookup(key, &p); err != nil {
		t.Fatal(err)
	}
	p.Watched = 2 // WATCH_EXIT
	if err := coll.maps[bpfMapProcesses].Update(key, &p, ebpf.UpdateExist); err != nil {
		t.Fatal(err)
	}
}

// While user space waits for more to come together, a ring that is half full ends the
// wait: what comes after would be lost.
func TestPauseEndsWhenRingIsHalfFull(t *testing.T) {
	coll, r := smallRings(t)
	s := startShell(t, nil, ":")
	coll.watch(t, uint32(s.Process.Pid))
	if err := s.stdin.Close(); err != nil { // its program and its end fill half a page
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	if woken, err := r.waitUntilFull(deadline); woken || err != nil {
		t.Fatalf("woken: %v, %v", woken, err)
	}
	if !time.Now().Before(deadline) || r.empty() {
		t.Error("it waited though the ring is half full")
	}
}

// A wake-up ends the wait that is under way, or else the next one.
func TestWakeEndsWait(t *testing.T) {
	_, r := smallRings(t)
	for range 2 {
		if err := r.wake(); err != nil {
			t.Fatal(err)
		}
		if woken, err := r.waitUntilFull(time.Time{}); !woken || err != nil {
			t.Errorf("woken: %v, %v", woken, err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.wake(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
