package request

import (
	"container/heap"
	"container/list"

	"github.com/nsblame/nsblame/internal/event"
)

// pile bounds in bytes what is remembered of what processes send. Each owner has a
// queue. If the pile is full, whoever has most loses the oldest of his own.
type pile struct {
	budget, size int
	queues       map[event.Owner]*queue
	largest      byBytes
}

// queue is what one owner has in the pile, the oldest first.
type queue struct {
	owner event.Owner
	list  list.List
	bytes int
	place int // in byBytes
}

// kept is the place of something in the pile.
type kept struct {
	queue *queue
	elem  *list.Element
	bytes int
}

// item is something in the pile.
type item interface {
	// place is where the pile notes its place.
	place() *kept
	// forget is called when it is dropped because the pile is full.
	forget(owner event.Owner)
}

func newPile(budget int) *pile {
	return &pile{budget: budget, queues: make(map[event.Owner]*queue)}
}

// sharer is the owner in whose name something is kept. A user can make any number of
// pid namespaces, and so counts once.
func sharer(o event.Owner) event.Owner {
	if o.UID != 0 {
		return event.Owner{UID: o.UID, PIDNamespace: 1}
	}
	return o
}

// add puts something in, and drops what there is no room for.
func (p *pile) add(owner event.Owner, bytes int, it item) {
	owner = sharer(owner)
	q := p.queues[owner]
	if q == nil {
		q = &queue{owner: owner}
		p.queues[owner] = q
		heap.Push(&p.largest, q)
	}
	*it.place() = kept{queue: q, elem: q.list.PushBack(it), bytes: bytes}
	p.grow(q, bytes)
	for p.size > p.budget && p.size > bytes {
		victim := p.largest[0]
		oldest := victim.list.Front().Value.(item)
		p.remove(oldest)
		oldest.forget(victim.owner)
	}
}

// remove takes something out, if it is in.
func (p *pile) remove(it item) {
	at := it.place()
	if at.queue == nil {
		return
	}
	q := at.queue
	q.list.Remove(at.elem)
	p.grow(q, -at.bytes)
	*at = kept{}
	if q.list.Len() == 0 {
		heap.Remove(&p.largest, q.place)
		delete(p.queues, q.owner)
	}
}

func (p *pile) grow(q *queue, bytes int) {
	q.bytes += bytes
	p.size += bytes
	heap.Fix(&p.largest, q.place)
}

// byBytes is a heap of the queues, the largest first.
type byBytes []*queue

func (h byBytes) Len() int           { return len(h) }
func (h byBytes) Less(i, j int) bool { return h[i].bytes > h[j].bytes }

func (h byBytes) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements heap.Interface.
func (h *byBytes) Push(x any) {
	q := x.(*queue)
	q.place = len(*h)
	*h = append(*h, q)
}

// Pop implements heap.Interface.
func (h *byBytes) Pop() any {
	last := len(*h) - 1
	q := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return q
}
