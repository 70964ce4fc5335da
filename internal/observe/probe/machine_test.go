package probe

import "testing"

func TestHashedID(t *testing.T) {
	a := hashedID([]byte("0123456789abcdef0123456789abcdef\n"))
	b := hashedID([]byte("0123456789abcdef0123456789abcdee\n"))
	if len(a) != 32 || a == b || a == "0123456789abcdef0123456789abcdef" {
		t.Errorf("%q, %q", a, b)
	}
	for _, raw := range []string{"", "uninitialized\n", "0123"} {
		if got := hashedID([]byte(raw)); got != "" {
			t.Errorf("%q: %q", raw, got)
		}
	}
}
