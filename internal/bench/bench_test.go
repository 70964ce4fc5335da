package bench

import (
	"strings"
	"testing"
)

func column(title string, samples ...Sample) *Column {
	c := &Column{Title: title}
	for _, s := range samples {
		c.Add(s)
	}
	return c
}

func TestWrite(t *testing.T) {
	one := column(
		"bookworm, instructions",
		Sample{"create", "", 100}, Sample{"create", "another", 180}, Sample{"create", "nsblame", 108},
		Sample{"create", "", 110}, Sample{"create", "another", 200}, Sample{"create", "nsblame", 110},
		Sample{"create", "", 90}, Sample{"create", "another", 190}, Sample{"create", "nsblame", 100},
		Sample{"storm", "nsblame", 0.0015},
		Sample{"entries", "nsblame", 70}, Sample{"entries", "nsblame", 71},
	)
	other := column("trixie, wall", Sample{"storm", "nsblame", 0}, Sample{"memory", "nsblame", 29.96}, Sample{"memory", "nsblame", 130.4})
	var text strings.Builder
	if err := Write(&text, []*Column{one, other}); err != nil {
		t.Fatal(err)
	}
	const want = "| what | of | target | bookworm, instructions | trixie, wall |\n" +
		"|---|---|---|---|---|\n" +
		"| `unshare -n true` in a loop, time to untraced | nsblame | 1.10 | 1.080 (1.000 to 1.111) |  |\n" +
		"| `unshare -n true` in a loop, time to untraced | another |  | 1.900 (1.800 to 2.111) |  |\n" +
		"| 1,000 execs a second for a minute, CPU of user space | nsblame | 0.5 % | 0.15 % | 0.00 % |\n" +
		"| resident memory, MiB | nsblame | 40 |  | 80.2 (30.0 to 130) |\n" +
		"| entries in the tables of the kernel part, before and after the soak | nsblame |  | 70, 71 |  |\n"
	if got := text.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRatioNeedsUntraced(t *testing.T) {
	if got := ratio(column("", Sample{"create", "nsblame", 1}), "create", "nsblame"); got != "no untraced run" {
		t.Errorf("got %q", got)
	}
}

func TestMedian(t *testing.T) {
	values := []float64{3, 1, 2}
	if got := median(values); got != 2 {
		t.Errorf("of three: got %v", got)
	}
	if got := median(append(values, 10)); got != 2.5 {
		t.Errorf("of four: got %v", got)
	}
	if values[0] != 3 {
		t.Error("the values were reordered")
	}
}
