package cgroup

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

// What is recalled of a path is what reading it says, whatever was read in between.
func TestRecalled(t *testing.T) {
	var paths []string
	for i := range 3 * maxRecalled {
		paths = append(paths, fmt.Sprintf("/user.slice/user-%d.slice/x.service/docker-%064x.scope", i, i), strings.Repeat("/a", i+1))
	}
	for range 2 {
		for i, path := range paths {
			for _, d := range []event.Delegation{{}, {Names: 1, UID: uint32(i)}} {
				if diff := cmp.Diff(parse(path, d), ParseDelegated(path, d)); diff != "" {
					t.Fatalf("%q, %+v: %s", path, d, diff)
				}
			}
		}
	}
}

func TestRecalledSize(t *testing.T) {
	if size := unsafe.Sizeof(reading{}) + 3*unsafe.Sizeof(Container{}) + unsafe.Sizeof(readings[0]); size > recalledSize {
		t.Errorf("%d bytes", size)
	}
}
