// Package bounded has a map that forgets its oldest entries: what nsblame
// remembers of a stream must not grow with it.
package bounded

// Map is a map that holds at most so many entries. It forgets the oldest first.
type Map[K comparable, V any] struct {
	limit int
	m     map[K]V
	order []K
}

// NewMap returns an empty Map for at most limit entries.
func NewMap[K comparable, V any](limit int) *Map[K, V] {
	return &Map[K, V]{limit: limit, m: make(map[K]V)}
}

// Get returns the value of a key, and whether there is one.
func (m *Map[K, V]) Get(k K) (V, bool) {
	v, ok := m.m[k]
	return v, ok
}

// Put sets the value of a key. A key that is there already keeps its age.
func (m *Map[K, V]) Put(k K, v V) {
	if _, known := m.m[k]; !known {
		m.order = append(m.order, k)
	}
	m.m[k] = v
	if len(m.order) > m.limit {
		delete(m.m, m.order[0])
		m.order = m.order[1:]
	}
}

// Keys returns the keys, the oldest first. The caller must not change them.
func (m *Map[K, V]) Keys() []K { return m.order }
