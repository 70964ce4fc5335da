package probe

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// Where only the number of a namespace tells that it is gone, more are released at once
// than can be followed. Each end is seen, or counted as lost.
func TestEndsAreSeenOrCounted(t *testing.T) {
	runtime.LockOSThread() // a teardown is that of a thread
	defer runtime.UnlockOSThread()
	coll, err := newCollection(choose(Options{}, kernel.HierarchyUnified))
	skipIfRefused(t, err)
	t.Cleanup(func() { _ = coll.Close() })
	followed := int(coll.maps[bpfMapLives].MaxEntries())
	namespaces := followed + 1000
	netAt, story := netsInMemory(t, namespaces), coll.readStory(t)

	released := coll.runnable(t, bpfProgNetReleasedFentry)
	for i := range namespaces {
		run(t, released, netAt(i))
	}
	story()
	run(t, coll.runnable(t, bpfProgTeardownFentry))
	freed := coll.runnable(t, bpfProgFreeInumFentry)
	for i := range namespaces {
		run(t, freed, uint64(firstInum+i))
	}
	ended := make(map[uint32]bool)
	for _, body := range story() {
		if free, ok := body.(*event.NetnsFree); ok {
			ended[free.Inum] = true
		}
	}
	losses, err := coll.losses(new(lossDeltas))
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, loss := range losses {
		if loss.Kind == event.LossLife || loss.Kind == event.LossEnding {
			lost += int(loss.Count)
		}
	}
	if len(ended) < followed || len(ended)+lost < namespaces {
		t.Errorf("of %d ends, %d are seen and %d are counted as lost", namespaces, len(ended), lost)
	}
}

// firstInum is the number of the first of the namespaces below.
const firstInum = 4026540000

// netsInMemory puts what looks like so many struct net into the kernel's memory, and
// returns where each is.
func netsInMemory(t *testing.T, n int) func(i int) uint64 {
	t.Helper()
	types, err := btf.LoadKernelSpec()
	skipIfRefused(t, kernel.Refused("read the kernel's BTF", err))
	at := memberAt(t, types, "net", "ns") + memberAt(t, types, "ns_common", "inum")
	const apart = 8 // what else is read of them does not matter
	content := make([]byte, apart*n+16<<10)
	for i := range n {
		binary.NativeEndian.PutUint32(content[apart*i+at:], uint32(firstInum+i))
	}
	begin := kernelMemory(t, content)
	return func(i int) uint64 { return begin + uint64(apart*i) }
}

func memberAt(t *testing.T, types *btf.Spec, structure, member string) int {
	t.Helper()
	var s *btf.Struct
	if err := types.TypeByName(structure, &s); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.Members {
		if m.Name == member {
			return int(m.Offset.Bytes())
		}
	}
	t.Fatalf("struct %s has no %s", structure, member)
	return 0
}

// readStory returns a function that returns what was sent since it was last called.
func (coll *collection) readStory(t *testing.T) func() []event.Body {
	t.Helper()
	reader, err := ringbuf.NewReader(coll.maps[bpfMapStoryRecords])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	return func() []event.Body {
		t.Helper()
		reader.SetDeadline(time.Now())
		var list []event.Body
		for {
			record, err := reader.Read()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return list
			}
			if err != nil {
				t.Fatal(err)
			}
			ev, err := decode(aligned(record.RawSample))
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, ev.Body)
		}
	}
}
