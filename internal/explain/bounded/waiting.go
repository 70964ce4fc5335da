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
	keys    map[K]*chain[slot[K, V]]
	times   times[K, V]
	dropped uint64
}

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
	value V
	Terms[K]
	entry *entry[*waiter[K, V]]
	slots []slot[K, V]
	place int // in times, -1 without a deadline
}

// slot is the place of a waiter among those that wait for a key.
type slot[K comparable, V any] struct {
	of *waiter[K, V]
	links[slot[K, V]]
}

// NewWaiting returns one in which nothing waits.
func NewWaiting[K comparable, V any](budget uint64) *Waiting[K, V] {
	return &Waiting[K, V]{ledger: newLedger[*waiter[K, V]](budget), keys: make(map[K]*chain[slot[K, V]])}
}

// Add has a value wait. It returns those for which there is no room any more.
func (w *Waiting[K, V]) Add(v V, terms Terms[K]) (dropped []V) {
	terms.Keys = unique(terms.Keys)
	x := &waiter[K, V]{value: v, Terms: terms, place: -1, slots: make([]slot[K, V], len(terms.Keys))}
	for i, k := range terms.Keys {
		x.slots[i].of = x
		c := w.keys[k]
		if c == nil {
			c = &chain[slot[K, V]]{}
			w.keys[k] = c
		}
		c.push(&x.slots[i])
	}
	if terms.Deadline != 0 {
		heap.Push(&w.times, x)
	}
	size := terms.Size + waiterSize + uint64(len(terms.Keys))*slotSize[K]()
	x.entry = w.ledger.add(x, terms.Owner, size)
	for e := w.ledger.excess(); e != nil; e = w.ledger.excess() {
		w.remove(e.value)
		w.dropped++
		dropped = append(dropped, e.value.value)
	}
	return dropped
}

// unique leaves out keys that were given twice.
func unique[K comparable](keys []K) []K {
	list := make([]K, 0, len(keys))
	for _, k := range keys {
		if !slices.Contains(list, k) {
			list = append(list, k)
		}
	}
	return list
}

func (w *Waiting[K, V]) remove(x *waiter[K, V]) {
	for i, k := range x.Keys {
		c := w.keys[k]
		c.cut(&x.slots[i])
		if c.first == nil {
			delete(w.keys, k)
		}
	}
	if x.place >= 0 {
		heap.Remove(&w.times, x.place)
	}
	w.ledger.remove(x.entry)
}

// Take returns the values that wait for a key, in their order. They wait no longer.
func (w *Waiting[K, V]) Take(k K) []V {
	c := w.keys[k]
	if c == nil {
		return nil
	}
	var list []*waiter[K, V]
	for s := c.first; s != nil; s = s.next {
		list = append(list, s.of)
	}
	return w.takeAll(list)
}

// Expire returns the values whose deadline has come, in their order.
func (w *Waiting[K, V]) Expire(now uint64) []V {
	if len(w.times) == 0 || w.times[0].Deadline > now {
		return nil
	}
	var list []V
	var due []*waiter[K, V]
	for len(w.times) > 0 && w.times[0].Deadline <= now {
		x := w.times[0]
		w.remove(x)
		due = append(due, x)
	}
	sortWaiters(due)
	for _, x := range due {
		list = append(list, x.value)
	}
	return list
}

// TakeAll returns all values, in their order.
func (w *Waiting[K, V]) TakeAll() []V {
	list := make([]*waiter[K, V], 0, w.ledger.n)
	for _, a := range w.ledger.owners {
		for e := a.entries.first; e != nil; e = e.next {
			list = append(list, e.value)
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
		w.remove(x)
		values[i] = x.value
	}
	return values
}

func sortWaiters[K comparable, V any](list []*waiter[K, V]) {
	slices.SortFunc(list, func(a, b *waiter[K, V]) int { return cmp.Compare(a.Order, b.Order) })
}

// Deadline is the first deadline, 0 if there is none.
func (w *Waiting[K, V]) Deadline() uint64 {
	if len(w.times) == 0 {
		return 0
	}
	return w.times[0].Deadline
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
func (t times[K, V]) Less(i, j int) bool { return t[i].Deadline < t[j].Deadline }
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
