package bounded

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
)

// Waiting has values that wait for one of several keys, or for a time. A key or a
// time that comes touches only what waits for it. All of them together have a budget
// in bytes: beyond it the oldest of the owner who holds the most waits no longer.
type Waiting[K comparable, V any] struct {
	ledger  ledger[*waiter[K, V]]
	keys    table[K, chain[slot[K, V]]]
	times   times[K, V]
	spare   []*waiter[K, V] // those that are to be used again
	dropped uint64
	// only is what Take returned last, if that was one value.
	only [1]V
}

// maxSpare bounds the waiters that are kept to be used again, and their slots.
const maxSpare = 32

// Terms say on which terms a value waits.
type Terms[K comparable] struct {
	// Keys are what it waits for.
	Keys []K
	// Deadline is when it waits no longer; 0 for never.
	Deadline uint64
	// Order is its place among those that are returned together.
	Order uint64
	// Owner is whose share it takes up, Size how many bytes beside its place.
	Owner event.Owner
	Size  uint64
}

// waiter is a value with all its places.
type waiter[K comparable, V any] struct {
	value           V
	deadline, order uint64
	entry           entry[*waiter[K, V]]
	slots           []slot[K, V]
	place           int // in times, -1 without a deadline
}

// slot is the place of a waiter among those that wait for a key.
type slot[K comparable, V any] struct {
	of  *waiter[K, V]
	key *cell[K, chain[slot[K, V]]]
	links[slot[K, V]]
}

// NewWaiting returns one in which nothing waits.
func NewWaiting[K comparable, V any](budget uint64) *Waiting[K, V] {
	return &Waiting[K, V]{ledger: newLedger[*waiter[K, V]](budget), keys: newTable[K, chain[slot[K, V]]]()}
}

// Hashing has keys hashed by a function of Hash. It is for one in which nothing waits.
func (w *Waiting[K, V]) Hashing(hash func(K) uint64) *Waiting[K, V] {
	w.keys.hash = hash
	return w
}

// Add has a value wait. It returns those for which there is no room any more.
func (w *Waiting[K, V]) Add(v V, terms Terms[K]) (dropped []V) {
	x := w.waiter(len(terms.Keys))
	x.value, x.deadline, x.order = v, terms.Deadline, terms.Order
	for i, k := range terms.Keys {
		if !slices.Contains(terms.Keys[:i], k) {
			w.await(x, k)
		}
	}
	if terms.Deadline != 0 {
		heap.Push(&w.times, x)
	}
	size := terms.Size + waiterSize + uint64(len(x.slots))*slotSize[K]()
	w.ledger.add(&x.entry, x, terms.Owner, size)
	for e := w.ledger.excess(); e != nil; e = w.ledger.excess() {
		over := e.value
		w.remove(over)
		w.dropped++
		dropped = append(dropped, over.value)
		w.recycle(over)
	}
	return dropped
}

// waiter returns one with room for so many keys.
func (w *Waiting[K, V]) waiter(keys int) *waiter[K, V] {
	if n := len(w.spare); n > 0 && cap(w.spare[n-1].slots) >= keys {
		x := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return x
	}
	return &waiter[K, V]{place: -1, slots: make([]slot[K, V], 0, keys)}
}

// recycle keeps a waiter that was removed, to be used again.
func (w *Waiting[K, V]) recycle(x *waiter[K, V]) {
	if len(w.spare) >= maxSpare || cap(x.slots) > maxSpare {
		return
	}
	clear(x.slots)
	*x = waiter[K, V]{place: -1, slots: x.slots[:0]}
	w.spare = append(w.spare, x)
}

// await has a waiter wait for a key, too.
func (w *Waiting[K, V]) await(x *waiter[K, V], k K) {
	c := w.keys.get(k)
	if c == nil {
		c = w.keys.add(k)
	}
	x.slots = append(x.slots, slot[K, V]{of: x, key: c})
	s := &x.slots[len(x.slots)-1]
	c.value.push(&s.links, s)
}

func (w *Waiting[K, V]) remove(x *waiter[K, V]) {
	for i := range x.slots {
		c := x.slots[i].key
		c.value.cut(&x.slots[i].links)
		if c.value.first == nil {
			w.keys.remove(c)
		}
	}
	if x.place >= 0 {
		heap.Remove(&w.times, x.place)
	}
	w.ledger.remove(&x.entry)
}

// Take returns the values that wait for a key, in their order. They wait no longer. The
// list is good until the next call.
func (w *Waiting[K, V]) Take(k K) []V {
	c := w.keys.get(k)
	if c == nil {
		return nil
	}
	if c.value.first == c.value.last {
		only := c.value.first.self.of
		w.only[0] = only.value
		w.remove(only)
		w.recycle(only)
		return w.only[:]
	}
	var list []*waiter[K, V]
	for s := c.value.first; s != nil; s = s.next {
		list = append(list, s.self.of)
	}
	return w.takeAll(list)
}

// Expire returns the values whose deadline has come, in their order.
func (w *Waiting[K, V]) Expire(now uint64) []V {
	if len(w.times) == 0 || w.times[0].deadline > now {
		return nil
	}
	var list []V
	var due []*waiter[K, V]
	for len(w.times) > 0 && w.times[0].deadline <= now {
		x := w.times[0]
		w.remove(x)
		due = append(due, x)
	}
	sortWaiters(due)
	for _, x := range due {
		list = append(list, x.value)
		w.recycle(x)
	}
	return list
}

// TakeAll returns all values, in their order.
func (w *Waiting[K, V]) TakeAll() []V {
	list := make([]*waiter[K, V], 0, w.ledger.n)
	for _, a := range w.ledger.owners {
		for e := a.entries.first; e != nil; e = e.next {
			list = append(list, e.self.value)
		}
	}
	return w.takeAll(list)
}

func (w *Waiting[K, V]) takeAll(list []*waiter[K, V]) []V {
	if len(list) == 0 {
		return nil
	}
	sortWaiters(list)
	values := make([]V, len(list))
	for i, x := range list {
		values[i] = x.value
		w.remove(x)
		w.recycle(x)
	}
	return values
}

func sortWaiters[K comparable, V any](list []*waiter[K, V]) {
	slices.SortFunc(list, func(a, b *waiter[K, V]) int { return cmp.Compare(a.order, b.order) })
}

// Deadline is the first deadline, 0 if there is none.
func (w *Waiting[K, V]) Deadline() uint64 {
	if len(w.times) == 0 {
		return 0
	}
	return w.times[0].deadline
}

// Len is how many values wait.
func (w *Waiting[K, V]) Len() int { return w.ledger.n }

// Bytes is what they take.
func (w *Waiting[K, V]) Bytes() uint64 { return w.ledger.bytes }

// Dropped counts those for which there was no room any more.
func (w *Waiting[K, V]) Dropped() uint64 { return w.dropped }

// times are the waiters that have a deadline, as a heap.
type times[K comparable, V any] []*waiter[K, V]

func (t times[K, V]) Len() int           { return len(t) }
func (t times[K, V]) Less(i, j int) bool { return t[i].deadline < t[j].deadline }
func (t times[K, V]) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}

// Push implements heap.Interface.
func (t *times[K, V]) Push(x any) {
	w := x.(*waiter[K, V])
	w.place = len(*t)
	*t = append(*t, w)
}

// Pop implements heap.Interface.
func (t *times[K, V]) Pop() any {
	old := *t
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*t, x.place = old[:len(old)-1], -1
	return x
}
