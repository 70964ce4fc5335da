package bounded

// Index is a map whose look-ups are cheap. Whoever fills it bounds it.
type Index[K comparable, V any] struct{ cells table[K, V] }

// NewIndex returns an empty Index.
func NewIndex[K comparable, V any]() *Index[K, V] { return &Index[K, V]{newTable[K, V]()} }

// Swap sets the value of a key, and returns the one before, zero if there was none.
func (x *Index[K, V]) Swap(k K, v V) (before V) {
	c := x.cells.get(k)
	if c == nil {
		c = x.cells.add(k)
	}
	before, c.value = c.value, v
	return before
}

// Take forgets a key and returns its value, zero if there was none.
func (x *Index[K, V]) Take(k K) (v V) {
	if c := x.cells.get(k); c != nil {
		v = c.value
		x.cells.remove(c)
	}
	return v
}

// Clear forgets everything.
func (x *Index[K, V]) Clear() { x.cells.clear() }
