package page

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the style and the script
	"encoding/base64"
	"io"

	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
)

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// policy forbids the network, frames, forms and every script but that of the page.
func policy() string {
	sum := sha256.Sum256([]byte(pageJS))
	return "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'"
}

// view is what the page shows.
type view struct {
	*render.Page
	Policy string
	Style  trusted
	Script trusted
	// Top are the causes of which more is said below the table.
	Top    []cause
	Causes []cause
	// Timeline is nil if there is nothing to draw.
	Timeline *timeline
}

// cause is a cause with its pictures.
type cause struct {
	render.PageCause
	// Color is that of its pictures, which say the same by their labels.
	Color     string
	Chain     *chain
	Histogram *histogram
}

// maxTop is how many causes are explained below the table.
const maxTop = 3

// Write writes a report as an HTML file.
func Write(w io.Writer, r *report.Report, opt *render.ReportOptions) error {
	p := render.NewPage(r, opt)
	v := view{Page: p, Policy: policy(), Style: trusted(pageCSS), Script: trusted(pageJS)}
	for i := range p.Causes {
		c := cause{PageCause: p.Causes[i], Color: colorOf(i)}
		c.Chain, c.Histogram = newChain(&c.PageCause), newHistogram(&c.PageCause, c.Color)
		v.Causes = append(v.Causes, c)
	}
	if r.By == report.ByCause {
		v.Top = v.Causes[:min(len(v.Causes), maxTop)]
	}
	v.Timeline = newTimeline(r, p)
	out := bufio.NewWriterSize(w, 64<<10)
	if err := (markup{out}).write(&v); err != nil {
		return err
	}
	return out.Flush()
}

// palette has a color for each cause. All of them stand out from white and from black, as
// WCAG 1.4.11 asks for. No color stands without a label.
var palette = []string{"#2f7fd0", "#d0531e", "#12875a", "#a95fc4", "#9a6f00", "#cf4480", "#0d8694", "#7b6fe0", "#80786c", "#5f8720"}

// otherColor is that of all further causes.
const otherColor = "#7d7d7d"

func colorOf(i int) string {
	if i < len(palette) {
		return palette[i]
	}
	return otherColor
}
