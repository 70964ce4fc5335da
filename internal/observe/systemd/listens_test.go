package systemd

import (
	"slices"
	"testing"

	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

// Only sockets that take connections and have a path are kept.
func TestListens(t *testing.T) {
	p := properties{"Listen": {Signature: dbuswire.Pairs, Texts: []string{
		"Stream", "/run/a", "Datagram", "/run/b", "SequentialPacket", "/run/c", "Stream", "127.0.0.1:80", "Stream", "@abstract", "FIFO", "/run/d",
	}}}
	if got, want := newUnit(p).Listens, []string{"/run/a", "/run/c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	p["Listen"] = dbuswire.Arg{Signature: "as", Texts: []string{"Stream"}}
	if got := newUnit(p).Listens; got != nil {
		t.Errorf("of another type: %q", got)
	}
}
