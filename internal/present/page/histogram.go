package page

import (
	"fmt"

	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
)

// histogram is how the intervals of a cause are spread, as a picture.
type histogram struct {
	Number              int
	Title, Text, Color  string
	Bars                []bar
	From, Until, Middle string
	Most                string
}

// bar is a bin. All but Text is in pixels.
type bar struct {
	X, Y, Width, Height float64
	Text                string
}

// The measures of a histogram, in pixels.
const (
	histogramWidth  = 480
	histogramHeight = 120
)

func newHistogram(c *render.PageCause, color string) *histogram {
	bins := c.Cause.Intervals
	if len(bins) == 0 {
		return nil
	}
	q := &c.Cause.Recurrence.Interval
	h := &histogram{
		Number: c.Number, Color: color, Title: "Time " + c.Intervals, From: render.Brief(bins[0].From), Until: render.Brief(bins[len(bins)-1].Until),
		Middle: render.Brief(bins[len(bins)/2].From),
	}
	h.Text = fmt.Sprintf("%s: median %s, half of them from %s to %s, least %s, most %s", h.Title,
		render.Brief(q.Median), render.Brief(q.Q1), render.Brief(q.Q3), render.Brief(q.Min), render.Brief(q.Max))
	var most uint64
	for _, b := range bins {
		most = max(most, b.Count)
	}
	h.Most = render.Count(most)
	for i, b := range bins {
		h.add(i, len(bins), &b, most)
	}
	return h
}

func (h *histogram) add(i, of int, b *report.Bin, most uint64) {
	if b.Count == 0 {
		return
	}
	wide := float64(histogramWidth) / float64(of)
	high := max(2, float64(histogramHeight)*float64(b.Count)/float64(most))
	h.Bars = append(h.Bars, bar{
		X: float64(i) * wide, Y: histogramHeight - high, Width: max(1, wide-2), Height: high,
		Text: fmt.Sprintf("%s to %s: %s", render.Brief(b.From), render.Brief(b.Until), render.Counted(b.Count, "time")),
	})
}
