package probe

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1000, 0)
	look := func() time.Duration {
		d := p.pause(now)
		now = now.Add(d + time.Millisecond)
		return d
	}
	burst := func() int {
		for n := 0; ; n++ {
			if look() > 0 {
				return n
			}
		}
	}
	if n := burst(); n != paceBurst {
		t.Errorf("%d looks were free at first, want %d", n, paceBurst)
	}
	begin, looks := now, 100
	for range looks {
		look()
	}
	if took := now.Sub(begin); took < time.Duration(looks-2)*paceEvery {
		t.Errorf("%d looks within %s while much happens", looks, took)
	}
	now = now.Add(paceBurst * paceEvery)
	if n := burst(); n < paceBurst {
		t.Errorf("%d looks were free after quiet, want %d", n, paceBurst)
	}
	for range 1000 { // slower than the pace
		now = now.Add(2 * paceEvery)
		if d := look(); d > 0 {
			t.Fatalf("waits %s though little happens", d)
		}
	}
}
