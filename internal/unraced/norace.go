//go:build !race

package unraced

// Raced is whether the race detector watches.
const Raced = false
