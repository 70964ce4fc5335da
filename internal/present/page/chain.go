package page

import (
	"github.com/nsblame/nsblame/internal/present/render"
)

// chain is the way from the origin to the namespace as a picture of boxes.
type chain struct {
	Number        int
	Width, Height int
	Boxes         []box
}

// box is a step. Its text has a row for each line.
type box struct {
	Y, Height       int
	Title, Evidence string
	Rows            []textRow
	// Arrow is set if one leads to the next, from ArrowY on.
	Arrow  bool
	ArrowY int
}

type textRow struct {
	Y    int
	Text string
}

// The measures of the picture, in pixels, and of its text, in characters.
const (
	chainWidth = 720
	chainCells = 84
	maxRows    = 6
	rowHeight  = 18
	boxPadding = 10
	arrowSpace = 22
)

func newChain(c *render.PageCause) *chain {
	if len(c.Chain) == 0 {
		return nil
	}
	out := &chain{Number: c.Number, Width: chainWidth}
	y := 1
	for i, s := range c.Chain {
		b := box{Y: y, Title: s.Title, Evidence: s.Evidence, Arrow: i < len(c.Chain)-1}
		rows := render.Wrap(s.Text, chainCells)
		if len(rows) > maxRows {
			rows = append(rows[:maxRows-1:maxRows-1], "… (whole in the example below)")
		}
		at := y + boxPadding + rowHeight/2 + 4
		for _, row := range rows {
			at += rowHeight
			b.Rows = append(b.Rows, textRow{at, row})
		}
		b.Height = 2*boxPadding + rowHeight*(len(rows)+1)
		y += b.Height
		b.ArrowY = y
		out.Boxes = append(out.Boxes, b)
		y += arrowSpace
	}
	out.Height = y - arrowSpace + 1
	return out
}

// TitleY is where the title of a box stands.
func (b box) TitleY() int { return b.Y + boxPadding + rowHeight/2 + 4 }
