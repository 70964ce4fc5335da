package probe

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// smallTables returns a collection with room for so many processes, which follows them.
func smallTables(t *testing.T, processes uint32) *collection {
	t.Helper()
	set := choose(Options{Life: true}, kernel.HierarchyUnified)
	set.processes = processes
	coll, err := newCollection(set)
	skipIfRefused(t, err)
	t.Cleanup(func() { _ = coll.Close() })
	skipIfRefused(t, coll.attachGroups(groups[:tracepointGroups]))
	return coll
}

// heldBy returns what a user holds of a table.
func (coll *collection) heldBy(t *testing.T, uid uint32, table bpfTable) int64 {
	t.Helper()
	shares, err := coll.shares()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shares {
		if s.Owner == (bpfOwner{Uid: uid, PidNs: machinePIDNamespace}) {
			return s.Held[table]
		}
	}
	return 0
}

// checkUsed waits until the owners together hold what is in the table of processes.
func (coll *collection) checkUsed(t *testing.T) {
	t.Helper()
	for t.Context().Err() == nil {
		shares, err := coll.shares()
		if err != nil {
			t.Fatal(err)
		}
		var entries, held int64
		for _, s := range shares {
			held += s.Held[bpfTableTABLE_PROCESSES]
		}
		var key bpfProcessKey
		var p bpfProcess
		for it := coll.maps[bpfMapProcesses].Iterate(); it.Next(&key, &p); {
			entries++
		}
		if entries == held {
			return
		}
	}
}

// deadAncestries is a script whose leaves live on, each below so many processes that
// have ended.
func deadAncestries(leaves, depth int) string {
	return fmt.Sprintf(`
f() {
	if [ $1 -gt 0 ]; then f $(($1 - 1)) & else echo leaf; exec sleep 1000 </dev/null >/dev/null 2>&1; fi
}
i=0
while [ $i -lt %d ]; do f %d & i=$((i + 1)); done`, leaves, depth)
}

// A user whose processes live below many that have ended fills the table up to his
// share. Beyond it, his dead are not kept and his new processes are not noted, and that
// is counted as his. Everybody else is noted, with all ancestors.
func TestDeadAncestriesFillOnlyTheirOwnersShare(t *testing.T) {
	const (
		alice, bob = 1000, 1001
		size       = 2048
		leaves     = 60
	)
	coll := smallTables(t, size)
	as := func(uid uint32) *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	a := startShell(t, as(alice), deadAncestries(leaves, 60)+"\necho leaf")
	kill := func() { _ = unix.Kill(-a.Process.Pid, unix.SIGKILL) }
	t.Cleanup(kill)
	// The script ends with two lines of its own, and startShell has read one of all.
	for range leaves + 1 {
		if _, err := a.output.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if held := coll.heldBy(t, alice, bpfTableTABLE_PROCESSES); held < size/2 || held > size*3/4+4 {
		t.Errorf("she holds %d of %d entries", held, size)
	}
	for _, uid := range []uint32{0, bob} {
		s := startShell(t, as(uid), "(:)")
		p := coll.innermost(t, uint32(s.Process.Pid))
		if has(p.Flags, bpfProcessFlagsPROCESS_CUT) {
			t.Errorf("uid %d: the ancestors are not kept", uid)
		}
	}
	var deltas lossDeltas
	losses, err := coll.losses(&deltas)
	if err != nil {
		t.Fatal(err)
	}
	var hers uint64
	for _, loss := range losses {
		if loss.Kind != event.LossTable || loss.Owner != (event.Owner{UID: alice, PIDNamespace: machinePIDNamespace}) {
			t.Errorf("lost %+v", loss)
		}
		hers += loss.Count
	}
	if hers == 0 {
		t.Error("what she was refused is not counted")
	}
	kill()
	coll.checkUsed(t)
}

// What an owner lost is reported as his, and once. What owners lost who have no place any
// more is reported as anybody's.
func TestLossesByOwner(t *testing.T) {
	alice, bob := bpfOwner{Uid: 1, PidNs: 7}, bpfOwner{Uid: 2, PidNs: 7}
	share := func(o bpfOwner, lost uint64) bpfShare {
		s := bpfShare{Owner: o}
		s.Lost[bpfCounterCOUNT_TABLE_FULL] = lost
		return s
	}
	var l lossDeltas
	for i, step := range []struct {
		total  uint64
		shares []bpfShare
		want   string
	}{
		{5, []bpfShare{share(alice, 3), share(bob, 2)}, "1:3 2:2"},
		{5, []bpfShare{share(alice, 3), share(bob, 2)}, ""},
		{9, []bpfShare{share(alice, 6), share(bob, 2)}, "1:3 0:1"},
		{10, []bpfShare{share(bob, 1), share(bob, 2)}, "2:1"},
		// one more than the sum, which was read before
		{11, []bpfShare{share(bob, 1), share(bob, 4)}, "2:2"},
		{12, []bpfShare{share(bob, 1), share(bob, 4)}, ""},
	} {
		var got []string
		if l.grown(event.LossTable, step.total) > 0 {
			for _, loss := range l.ofOwners(event.LossTable, bpfCounterCOUNT_TABLE_FULL, step.shares) {
				got = append(got, fmt.Sprintf("%d:%d", loss.Owner.UID, loss.Count))
			}
		}
		if loss := l.since(event.LossTable, step.total); loss != nil {
			got = append(got, fmt.Sprintf("%d:%d", loss.Owner.UID, loss.Count))
		}
		if strings.Join(got, " ") != step.want {
			t.Errorf("step %d: %v, want %s", i, got, step.want)
		}
	}
}
