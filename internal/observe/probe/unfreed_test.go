package probe

import (
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// Processes whose free was not seen give up their records, with what only they held. The
// living stay, and so do their ancestors. Nobody is given up at the first look.
func TestMissedFreesAreMadeGood(t *testing.T) {
	if initial, err := kernel.InInitialPIDNamespace(); err != nil || !initial {
		t.Skip("not in the machine's pid namespace: ", err)
	}
	const bob = 1001
	coll, err := newCollection(choose(Options{}, kernel.HierarchyUnified))
	skipIfRefused(t, err)
	t.Cleanup(func() { _ = coll.Close() })
	const free = 1 // group, the first
	skipIfRefused(t, coll.attachGroups(groups[free:tracepointGroups]))
	as := &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: bob, Gid: bob}}
	s := startShell(t, as, `for i in 1 2 3 4 5 6 7 8 9; do (:); done; (exec sleep 1000 </dev/null >/dev/null 2>&1 &)`)
	t.Cleanup(func() { _ = unix.Kill(-s.Process.Pid, unix.SIGKILL) })
	held := func() int64 { return coll.heldBy(t, bob, bpfTableTABLE_PROCESSES) }
	// the shell, nine that have ended, and one that has ended before its child
	const before, after = 12, 3
	if held() != before {
		t.Fatalf("%d processes are in the table, want %d", held(), before)
	}
	var u unfreed
	now := time.Now()
	look := func(missed uint64, later time.Duration) int64 {
		t.Helper()
		if err := u.check(coll, missed, now.Add(later)); err != nil {
			t.Fatal(err)
		}
		return held()
	}
	for _, tc := range []struct {
		about  string
		missed uint64
		later  time.Duration
		want   int64
	}{
		{"no run was left out", 0, 0, before},
		{"the first look", 9, 0, before},
		{"too early", 9, unfreedEvery / 2, before},
		{"the second look", 9, unfreedEvery, after},
		{"nothing more", 9, 2 * unfreedEvery, after},
	} {
		if got := look(tc.missed, tc.later); got != tc.want {
			t.Fatalf("%s: %d processes are in the table, want %d", tc.about, got, tc.want)
		}
	}
}
