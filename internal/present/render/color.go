package render

// palette paints text for a terminal, or leaves it as it is. The text must
// have been escaped before.
type palette bool

func (p palette) sgr(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + paintEnd
}

// paintEnd ends what a palette has begun.
const paintEnd = "\x1b[0m"

// strong is for what is looked for first.
func (p palette) strong(s string) string { return p.sgr("1", s) }

// faint is for what is looked at last.
func (p palette) faint(s string) string { return p.sgr("2", s) }

// place is for units and containers.
func (p palette) place(s string) string { return p.sgr("36", s) }

// bad is for failures and losses.
func (p palette) bad(s string) string { return p.sgr("31", s) }
