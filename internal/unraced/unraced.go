// Package unraced leaves tests to "make unraced" in which the race detector has nothing
// to find and takes minutes.
package unraced

import "testing"

// Leave skips a test under the race detector. What the test runs is one goroutine, or
// other processes. The Makefile's UNRACED has its name, so that it is run without.
func Leave(t *testing.T) {
	t.Helper()
	if Raced {
		t.Skip("make unraced runs it without the race detector")
	}
}
