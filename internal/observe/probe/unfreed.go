package probe

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// unfreed makes good for runs of the probe on a process's free that the kernel left out.
// Such a process would hold its record, and those of its ancestors, for ever, and its
// owner would pay for it.
//
// So after such a run, the table is compared with the processes that there are. Who is
// missing twice is reaped. The time in between is long: a process that was waited for is
// freed a moment later.
type unfreed struct {
	// missed is how many runs had been left out at the latest look.
	missed uint64
	// gone are those that were missing then. They are looked for again at next.
	gone map[bpfProcessKey]bool
	next time.Time
}

// unfreedEvery is how often the table is compared at most.
const unfreedEvery = time.Minute

// check is called now and then. missed is how many runs were left out until now.
func (u *unfreed) check(coll *collection, missed uint64, now time.Time) error {
	if missed == u.missed && len(u.gone) == 0 || now.Before(u.next) {
		return nil
	}
	// The pass shows only the processes of this pid namespace.
	if initial, err := kernel.InInitialPIDNamespace(); err != nil || !initial {
		return err
	}
	u.missed, u.next = missed, now.Add(unfreedEvery)
	before := u.gone
	gone, err := coll.unfreed()
	if err != nil {
		return fmt.Errorf("look for processes that are gone: %w", err)
	}
	u.gone = make(map[bpfProcessKey]bool)
	var reap []bpfProcessKey
	for _, key := range gone {
		if before[key] {
			reap = append(reap, key)
		} else {
			u.gone[key] = true
		}
	}
	return coll.reap(reap)
}

// unfreed returns the processes that hold their records and are not there. It asks for
// the table first, so that whoever is born meanwhile does not seem to be gone.
func (coll *collection) unfreed() ([]bpfProcessKey, error) {
	var held []bpfProcessKey
	err := coll.eachProcess(func(key bpfProcessKey, p *bpfProcess) {
		if p.Reaped == 0 {
			held = append(held, key)
		}
	})
	if err != nil {
		return nil, err
	}
	list, err := coll.processesBefore()
	if err != nil {
		return nil, err
	}
	there := make(map[event.ProcessID]bool, len(list))
	for _, id := range list {
		there[id] = true
	}
	var gone []bpfProcessKey
	for _, key := range held {
		if !there[processID(key)] {
			gone = append(gone, key)
		}
	}
	return gone, nil
}

// reap has processes give up their records, some with each pass over all processes.
func (coll *collection) reap(list []bpfProcessKey) error {
	places := int(coll.maps[bpfMapUnfreed].MaxEntries())
	for len(list) > 0 {
		part := make([]bpfProcessKey, places)
		list = list[copy(part, list):]
		if err := errors.Join(coll.setUnfreed(part), coll.pass(), coll.setUnfreed(make([]bpfProcessKey, places))); err != nil {
			return fmt.Errorf("forget processes that are gone: %w", err)
		}
	}
	return nil
}

func (coll *collection) pass() error {
	_, err := coll.processesBefore()
	return err
}

func (coll *collection) setUnfreed(keys []bpfProcessKey) error {
	for i := range keys {
		place := uint32(i)
		if err := coll.maps[bpfMapUnfreed].Update(unsafe.Pointer(&place), unsafe.Pointer(&keys[i]), ebpf.UpdateAny); err != nil {
			return err
		}
	}
	return nil
}
