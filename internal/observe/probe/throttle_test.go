package probe

import (
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	var p throttle
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
	if n := burst(); n != throttleBurst {
		t.Errorf("%d looks were free at first, want %d", n, throttleBurst)
	}
	begin, looks := now, 100
	for range looks {
		look()
	}
	if took := now.Sub(begin); took < time.Duration(looks-2)*throttleEvery {
		t.Errorf("%d looks within %s while much happens", looks, took)
	}
	now = now.Add(throttleBurst * throttleEvery)
	if n := burst(); n < throttleBurst {
		t.Errorf("%d looks were free after quiet, want %d", n, throttleBurst)
	}
	for range 1000 { // slower than the pace
		now = now.Add(2 * throttleEvery)
		if d := look(); d > 0 {
			t.Fatalf("waits %s though little happens", d)
		}
	}
}
