package page

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
)

// timeline is when the namespaces of each cause were there.
type timeline struct {
	From, Until string
	Lanes       []lane
	Height      int
	// Notes say what the picture leaves out.
	Notes []string
	// Data is what the script draws.
	Data data
}

// lane is a cause in the picture that stands without script.
type lane struct {
	Label, Text, Color string
	Y                  int
	Bars               []bar
}

// data is for the script. Times are in tenths of milliseconds, from the beginning on.
type data struct {
	// Wall is the beginning in milliseconds since 1970 as a clock on the machine shows
	// it, null where that is not known. Span is how long it is.
	Wall *float64   `json:"wall"`
	Span uint64     `json:"span"`
	Ends bool       `json:"ends"` // whether the end of namespaces was seen
	Rows []dataLane `json:"lanes"`
}

// dataLane has the lives of a cause, packed as render's report says: see pack.
type dataLane struct {
	Label  string `json:"label"`
	Number int    `json:"number"`
	Color  string `json:"color"`
	Every  uint64 `json:"every"`
	Count  int    `json:"count"`
	// Log is the kernel's line, with "#" for its number; empty where there is none.
	Log   string `json:"log"`
	Lives string `json:"lives"`
}

// The measures of the picture that stands without script.
const (
	laneHeight  = 44
	laneBars    = 240
	barsWidth   = 960
	strip       = 22
	tickNS      = 100_000
	maxLanes    = 40
	maxLaneText = 70
)

func newTimeline(r *report.Report, p *render.Page) *timeline {
	from, until := r.From, max(r.Until, r.From+tickNS)
	t := &timeline{From: p.At(from), Until: p.At(until), Data: data{Span: (until - from) / tickNS, Ends: r.Endings.Seen}}
	if ns, zone, ok := p.Wall(from); ok {
		wall := float64(ns+int64(zone)) / 1e6
		t.Data.Wall = &wall
	}
	for i := range r.Causes {
		c := &r.Causes[i]
		if c.Lives == nil || c.Lives.Kept() == 0 {
			continue
		}
		if i >= len(p.Causes) || len(t.Lanes) == maxLanes {
			t.note(i, len(r.Causes))
			break
		}
		t.add(&p.Causes[i], colorOf(i), from, until)
	}
	if len(t.Lanes) == 0 {
		return nil
	}
	if r.Endings.Lost > 0 {
		t.Notes = append(t.Notes, "Some namespaces are missing: their ends may have been lost, or there were too many at a time.")
	}
	t.Height = len(t.Lanes) * laneHeight
	return t
}

func (t *timeline) note(from, of int) {
	t.Notes = append(t.Notes, fmt.Sprintf("%s not drawn.", isAre(of-from, "further cause")))
}

func isAre(n int, what string) string {
	verb := " are"
	if n == 1 {
		verb = " is"
	}
	return render.Counted(uint64(n), what) + verb
}

// add draws a cause.
func (t *timeline) add(c *render.PageCause, color string, from, until uint64) {
	lives := slices.Collect(c.Cause.Lives.All())
	slices.SortStableFunc(lives, func(a, b report.Life) int { return cmp.Compare(a.Created, b.Created) })
	label := fmt.Sprintf("%d. %s", c.Number, c.Why)
	if c.For != "" && c.For != "-" {
		label += ", " + c.For
	}
	if runes := []rune(label); len(runes) > maxLaneText {
		label = string(runes[:maxLaneText-1]) + "…"
	}
	every := c.Cause.Lives.Every
	if every > 1 {
		t.Notes = append(t.Notes, fmt.Sprintf("Of cause %d one namespace of %s is drawn: there are too many.", c.Number, render.Count(every)))
	}
	packed, logged := pack(lives, from)
	d := dataLane{Label: label, Number: c.Number, Color: color, Every: every, Count: len(lives), Lives: base64.StdEncoding.EncodeToString(packed)}
	if logged {
		d.Log = strings.Replace(render.LogLine(0, c.Cause.Lives.LogSize), "id=0", "id=#", 1)
	}
	t.Data.Rows = append(t.Data.Rows, d)
	y := len(t.Lanes) * laneHeight
	l := lane{Label: label, Color: color, Y: y, Bars: density(lives, from, until, y+laneHeight-strip, t.Data.Ends)}
	l.Text = fmt.Sprintf("%s: %s", label, render.Counted(c.Cause.Count, "creation"))
	t.Lanes = append(t.Lanes, l)
}

// LabelY is where the name of a lane stands.
func (l lane) LabelY() int { return l.Y + laneHeight - strip - 6 }

// density is how many namespaces were there over time, as bars in a strip.
func density(lives []report.Life, from, until uint64, y int, ends bool) []bar {
	var changes [laneBars + 1]int
	at := func(ns uint64) int {
		return int(min(ns-min(ns, from), until-from-1) * laneBars / (until - from))
	}
	for _, l := range lives {
		end := l.Created
		switch {
		case l.Ended != 0:
			end = l.Ended
		case !l.Failed && ends:
			end = until
		}
		changes[at(l.Created)]++
		changes[at(end)+1]--
	}
	most, n := 0, 0
	for _, c := range changes {
		n += c
		most = max(most, n)
	}
	var bars []bar
	n = 0
	for i, c := range changes[:laneBars] {
		if n += c; n == 0 {
			continue
		}
		high := max(2, float64(strip)*float64(n)/float64(most))
		const wide = float64(barsWidth) / laneBars
		if last := len(bars) - 1; last >= 0 && bars[last].Height == high && bars[last].X+bars[last].Width == float64(i)*wide {
			bars[last].Width += wide
			continue
		}
		bars = append(bars, bar{X: float64(i) * wide, Y: float64(y+strip) - high, Width: wide, Height: high})
	}
	return bars
}

// pack writes lives for the script, which are in the order of their creation: as varints,
// how much later each was created than the one before; what became of it; and, if the
// lowest bit of that is set, how much further the number in the kernel's line is.
func pack(lives []report.Life, from uint64) (packed []byte, logged bool) {
	var created uint64
	var id int32
	for _, l := range lives {
		at := (l.Created - min(l.Created, from)) / tickNS
		code := uint64(0)
		switch {
		case l.Failed:
			code = 1
		case l.Ended != 0:
			code = 2 + (l.Ended-min(l.Ended, l.Created))/tickNS
		}
		code <<= 1
		if l.Logged {
			code |= 1
		}
		packed = binary.AppendUvarint(packed, at-created)
		packed = binary.AppendUvarint(packed, code)
		if l.Logged {
			logged = true
			packed = binary.AppendVarint(packed, int64(l.LogID)-int64(id))
			id = l.LogID
		}
		created = at
	}
	return packed, logged
}
