package bounded

import (
	"math/bits"

	"github.com/nsblame/nsblame/internal/event"
)

// ledger has entries in the order of their age, an account for each owner, and a
// budget in bytes. Beyond that the oldest entry of whoever holds the most has to go,
// so nobody loses his entries to others before he holds as much as they do. Every
// operation takes constant time.
type ledger[T any] struct {
	budget, bytes uint64
	owners        map[event.Owner]*account[T]
	// last is the account that was used last, idle the only one without entries.
	last, idle *account[T]
	// ranks are the accounts by the number of bits of what they hold, so that the
	// largest is known to a factor of two.
	ranks [65]chain[account[T]]
	n     int
}

// entry is a value with its place in an account.
type entry[T any] struct {
	value T
	size  uint64
	of    *account[T]
	links[entry[T]]
}

// account has the entries of one owner, the oldest first.
type account[T any] struct {
	owner   event.Owner
	bytes   uint64
	rank    int
	entries chain[entry[T]]
	links[account[T]]
}

func newLedger[T any](budget uint64) ledger[T] {
	return ledger[T]{budget: budget, owners: make(map[event.Owner]*account[T])}
}

// add enters a value as the youngest of its owner.
func (l *ledger[T]) add(e *entry[T], value T, owner event.Owner, size uint64) {
	e.value, e.size = value, size
	l.enter(e, owner)
	l.n++
}

func (l *ledger[T]) enter(e *entry[T], owner event.Owner) {
	a := l.account(owner)
	if a == nil {
		a = &account[T]{owner: owner}
		l.owners[owner] = a
		l.ranks[0].push(&a.links, a)
	}
	if a == l.idle {
		l.idle = nil
	}
	l.last = a
	e.of = a
	a.entries.push(&e.links, e)
	l.charge(a, e.size, 0)
}

// account is that of an owner, nil if there is none.
func (l *ledger[T]) account(owner event.Owner) *account[T] {
	if l.last != nil && l.last.owner == owner {
		return l.last
	}
	return l.owners[owner]
}

// remove takes an entry out.
func (l *ledger[T]) remove(e *entry[T]) {
	l.leave(e)
	l.n--
}

func (l *ledger[T]) leave(e *entry[T]) {
	a := e.of
	e.of = nil
	a.entries.cut(&e.links)
	l.charge(a, 0, e.size)
	if a.entries.first != nil {
		return
	}
	if old := l.idle; old != nil {
		l.ranks[old.rank].cut(&old.links)
		delete(l.owners, old.owner)
		if l.last == old {
			l.last = nil
		}
	}
	l.idle = a
}

// renew makes an entry the youngest of its owner.
func (e *entry[T]) renew() {
	if l := &e.links; e.of.entries.last != l {
		e.of.entries.cut(l)
		e.of.entries.push(l, e)
	}
}

// resize notes that an entry has become another size.
func (l *ledger[T]) resize(e *entry[T], size uint64) {
	l.charge(e.of, size, e.size)
	e.size = size
}

// move charges an entry to another owner, as the youngest.
func (l *ledger[T]) move(e *entry[T], owner event.Owner) {
	l.leave(e)
	l.enter(e, owner)
}

// charge brings an account up to date.
func (l *ledger[T]) charge(a *account[T], more, less uint64) {
	a.bytes += more - less
	l.bytes += more - less
	if rank := bits.Len64(a.bytes); rank != a.rank {
		l.ranks[a.rank].cut(&a.links)
		a.rank = rank
		l.ranks[rank].push(&a.links, a)
	}
}

// excess is the entry that has to go, nil while all is within the budget.
func (l *ledger[T]) excess() *entry[T] {
	if l.bytes <= l.budget {
		return nil
	}
	return l.largest().entries.first.self
}

// largest is the account that holds the most, nil if there is none.
func (l *ledger[T]) largest() *account[T] {
	for rank := bits.Len64(l.bytes); rank >= 0; rank-- {
		if a := l.ranks[rank].first; a != nil {
			return a.self
		}
	}
	return nil
}

// links make something part of a chain.
type links[T any] struct {
	prev, next *links[T]
	self       *T
}

// chain is a list whose members know their place.
type chain[T any] struct{ first, last *links[T] }

// push puts something at the end.
func (c *chain[T]) push(l *links[T], self *T) {
	l.prev, l.next, l.self = c.last, nil, self
	if c.last == nil {
		c.first = l
	} else {
		c.last.next = l
	}
	c.last = l
}

func (c *chain[T]) cut(l *links[T]) {
	if l.prev == nil {
		c.first = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next == nil {
		c.last = l.prev
	} else {
		l.next.prev = l.prev
	}
	l.prev, l.next, l.self = nil, nil, nil
}
