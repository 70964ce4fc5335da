package holders

import (
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/explain/inventory"
)

// A mount namespace with more mounts than are read is a gap, and holds nobody
// up: neither the views behind it, nor memory.
func TestMountsOfAnyNumberAreReadToABound(t *testing.T) {
	f := newTree(t)
	f.process(10, "host", 7)
	f.link("self", "10")
	line := "36 35 0:4 net:[9] /" + strings.Repeat("x", 4000) + " rw shared:1 - nsfs nsfs rw\n"
	f.write("10/mountinfo", strings.Repeat(line, maxView/len(line)+10)+"37 35 0:4 net:[11] /run/netns/late rw - nsfs nsfs rw\n")
	inv, b := f.scan(Scan{})
	if inv.Gaps.Failed != 1 || !strings.Contains(inv.Gaps.Why, errLongView.Error()) {
		t.Errorf("gaps %+v", inv.Gaps)
	}
	if nine := find(t, inv, 9); nine.MountCount != 1 {
		t.Errorf("%+v", nine)
	}
	if b.Gaps.Incomplete() != true || len(inv.Namespaces) != 2 {
		t.Errorf("%d namespaces", len(inv.Namespaces))
	}
}

// Nothing more is read once all mount namespaces together have taken their
// share.
func TestMountsOfAllNamespacesHaveABound(t *testing.T) {
	f := newTree(t)
	f.process(10, "host", 7)
	f.link("self", "10")
	f.write("10/mountinfo", "36 35 0:4 net:[9] /run/netns/blue rw - nsfs nsfs rw\n")
	b := inventory.NewBuilder()
	s := &Scan{Root: f.root, To: b, mountBytes: maxViews + 1}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if inv := b.Build(1e12); inv.Gaps.Failed == 0 || len(inv.Namespaces) != 1 {
		t.Errorf("%+v, %d namespaces", inv.Gaps, len(inv.Namespaces))
	}
}
