package probe

import "container/list"

// recent is a map that holds at most so many entries. It forgets the one that was not
// used for the longest time.
type recent[K comparable, V any] struct {
	limit int
	m     map[K]*list.Element
	order list.List // of recentEntry, the latest used first
}

type recentEntry[K comparable, V any] struct {
	key   K
	value V
}

// newRecent returns an empty one for at most limit entries.
func newRecent[K comparable, V any](limit int) *recent[K, V] {
	return &recent[K, V]{limit: limit, m: make(map[K]*list.Element)}
}

// get returns the value of a key, and whether there is one. That is a use of it.
func (r *recent[K, V]) get(k K) (V, bool) {
	e, ok := r.m[k]
	if !ok {
		var none V
		return none, false
	}
	r.order.MoveToFront(e)
	return e.Value.(recentEntry[K, V]).value, true
}

// put sets the value of a key. That is a use of it.
func (r *recent[K, V]) put(k K, v V) {
	if e, ok := r.m[k]; ok {
		e.Value = recentEntry[K, V]{k, v}
		r.order.MoveToFront(e)
		return
	}
	r.m[k] = r.order.PushFront(recentEntry[K, V]{k, v})
	if len(r.m) > r.limit {
		oldest := r.order.Back()
		delete(r.m, oldest.Value.(recentEntry[K, V]).key)
		r.order.Remove(oldest)
	}
}

// len is how many entries there are.
func (r *recent[K, V]) len() int { return len(r.m) }
