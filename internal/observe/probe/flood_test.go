package probe

import (
	"os"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/observe/clock"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// Of what an owner sends beyond his rate, one record tells that there is more. The rest is
// counted as his. Once he has paid, he is heard again.
func TestASenderHasARate(t *testing.T) {
	h, bus := hear(t), listenAsBus(t)
	client, server := bus.connect()
	root := uint32(bpfPlacePLACE_ROOT)
	var spent bpfShare
	spent.Rate[0].PaidNs = clock.Boot() + 10e9 // as if he had sent much more than he may
	setShare(t, h.shares, root, spent)
	for i := range uint32(3) {
		bus.send(client, server, startUnit(t, i+1, "a.service"))
	}
	if lost := allShares(t, h.shares)[root].Lost[bpfCounterCOUNT_LOST_BUS]; lost != 3 {
		t.Errorf("%d of 3 messages are counted", lost)
	}
	list := h.messages()
	if len(list) == 0 || len(list) > 3 {
		t.Errorf("reported: %q", told(list))
	}
	for _, b := range list {
		if b.Unread != event.UnreadTooMany || len(b.Data) > 0 {
			t.Errorf("reported: %+v", b)
		}
	}
	bus.send(client, server, startUnit(t, 4, "a.service"))
	list = h.messages()
	if m, err := dbuswire.Parse(list[0].Data); len(list) != 1 || err != nil || m.Serial != 4 {
		t.Errorf("reported: %q", told(list))
	}
}

// While nobody reads, root's creations leave some room in the buffer, and others have
// theirs there, each up to his share. What is dropped is counted as the owner's.
func TestCreationsLeaveRoomForOthers(t *testing.T) {
	set := choose(Options{}, kernel.HierarchyUnified)
	set.ring = 256 << 10
	coll, err := newCollection(set)
	skipIfRefused(t, err)
	t.Cleanup(func() { _ = coll.Close() })
	const creations = 4000
	created, netAt := coll.runnable(t, bpfProgCreateFexit), netsInMemory(t, creations)
	// create returns how many bytes the creations take that are written.
	avail := coll.readable(t)
	create := func() int {
		before := avail()
		for i := range creations {
			run(t, created, 0, 0, 0, netAt(i))
		}
		return avail() - before
	}
	if written := create(); written < set.ring*3/4 || written > set.ring*7/8+4096 {
		t.Errorf("root has written %d bytes of %d", written, set.ring)
	}
	for place := range uint32(3) {
		coll.giveTo(t, uint32(os.Getpid()), uint32(bpfPlacePLACES_TAKEN)+place, bpfOwner{Uid: 1000 + place, PidNs: machinePIDNamespace})
		if written := create(); written < set.ring/64 || written > set.ring/32+4096 {
			t.Errorf("user %d has written %d bytes of %d", 1000+place, written, set.ring)
		}
	}
	losses, err := coll.losses(new(lossDeltas))
	if err != nil {
		t.Fatal(err)
	}
	lost := make(map[uint32]uint64)
	for _, loss := range losses {
		if loss.Kind == event.LossCreation {
			lost[loss.Owner.UID] += loss.Count
		}
	}
	for _, uid := range []uint32{0, 1000, 1001, 1002} {
		if lost[uid] == 0 || lost[uid] >= creations {
			t.Errorf("of uid %d, %d of %d creations are counted", uid, lost[uid], creations)
		}
	}
}

// readable returns how many bytes wait to be read of what is asked for.
func (coll *collection) readable(t *testing.T) func() int {
	t.Helper()
	rings, err := coll.openRings()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rings.Close() })
	return rings.story.reader.AvailableBytes
}

// giveTo has a process belong to another owner, who has that place.
func (coll *collection) giveTo(t *testing.T, pid, place uint32, owner bpfOwner) {
	t.Helper()
	key, ok := coll.living(pid)
	if !ok {
		t.Fatal("the process is not in the table")
	}
	var p bpfProcess
	if err := coll.maps[bpfMapProcesses].Lookup(key, &p); err != nil {
		t.Fatal(err)
	}
	p.Place, p.Owner = uint16(place), owner
	// not by the library, which does not know that the structures have no padding
	if err := coll.maps[bpfMapProcesses].Update(unsafe.Pointer(&key), unsafe.Pointer(&p), ebpf.UpdateExist); err != nil {
		t.Fatal(err)
	}
	share := bpfShare{Owner: owner}
	share.Held[bpfTableTABLE_PROCESSES] = 1
	setShare(t, coll.variables[bpfVarShares], place, share)
}

func allShares(t *testing.T, shares *ebpf.Variable) []bpfShare {
	t.Helper()
	all := make([]bpfShare, bpfPlacePLACES)
	if err := shares.Get(bytesOf(all)); err != nil {
		t.Fatal(err)
	}
	return all
}

// setShare sets what the owner at a place has, while nobody else changes anything.
func setShare(t *testing.T, shares *ebpf.Variable, place uint32, share bpfShare) {
	t.Helper()
	all := allShares(t, shares)
	all[place] = share
	if err := shares.Set(bytesOf(all)); err != nil {
		t.Fatal(err)
	}
}
