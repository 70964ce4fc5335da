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
func (l *ledger[T]) add(value T, owner event.Owner, size uint64) *entry[T] {
	e := &entry[T]{value: value, size: size}
	l.enter(e, owner)
	l.n++
	return e
}

func (l *ledger[T]) enter(e *entry[T], owner event.Owner) {
	a := l.owners[owner]
	if a == nil {
		a = &account[T]{owner: owner}
		l.owners[owner] = a
		l.ranks[0].push(a)
	}
	e.of = a
	a.entries.push(e)
	l.charge(a, e.size, 0)
}

// remove takes an entry out.
func (l *ledger[T]) remove(e *entry[T]) {
	l.leave(e)
	l.n--
}

func (l *ledger[T]) leave(e *entry[T]) {
	a := e.of
	a.entries.cut(e)
	l.charge(a, 0, e.size)
	if a.entries.first == nil {
		l.ranks[a.rank].cut(a)
		delete(l.owners, a.owner)
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
		l.ranks[a.rank].cut(a)
		a.rank = rank
		l.ranks[rank].push(a)
	}
}

// excess is the entry that has to go, nil while all is within the budget.
func (l *ledger[T]) excess() *entry[T] {
	if l.bytes <= l.budget {
		return nil
	}
	return l.largest().entries.first
}

// largest is the account that holds the most, nil if there is none.
func (l *ledger[T]) largest() *account[T] {
	for rank := bits.Len64(l.bytes); rank >= 0; rank-- {
		if a := l.ranks[rank].first; a != nil {
			return a
		}
	}
	return nil
}

// links make something part of a chain.
type links[T any] struct{ prev, next *T }

func (l *links[T]) at() *links[T] { return l }

// chain is a list whose members know their place.
type chain[T any] struct{ first, last *T }

func (c *chain[T]) push(t *T) {
	l := linksOf(t)
	l.prev, l.next = c.last, nil
	if c.last == nil {
		c.first = t
	} else {
		linksOf(c.last).next = t
	}
	c.last = t
}

func (c *chain[T]) cut(t *T) {
	l := linksOf(t)
	if l.prev == nil {
		c.first = l.next
	} else {
		linksOf(l.prev).next = l.next
	}
	if l.next == nil {
		c.last = l.prev
	} else {
		linksOf(l.next).prev = l.prev
	}
	l.prev, l.next = nil, nil
}

// linksOf is the place of a member.
func linksOf[T any](t *T) *links[T] { return any(t).(interface{ at() *links[T] }).at() }
