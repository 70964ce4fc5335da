package render

import (
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// longID is an id as container runtimes make them.
var longID = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// briefIDs shortens ids within a text as docker shows them.
func briefIDs(s string) string {
	if len(s) < 64 {
		return s
	}
	return longID.ReplaceAllStringFunc(s, func(id string) string { return id[:shortID] + ellipsis })
}

// tighter is a limit of at most n characters, with the same part left out.
func tighter(limit, n int) int {
	if limit < 0 {
		return -min(-limit, n)
	}
	return min(limit, n)
}

// appendMiddleCut appends a command line of about limit characters at most, for a
// terminal. Of a longer one it keeps what tells most: the program, its subcommand, the
// last argument, and then what fits of the others, from the left. ellipsis stands for
// what is left out. Ids are short.
func appendMiddleCut(dst []byte, argv []string, limit int) []byte {
	argv = withBriefIDs(argv)
	if line, whole := wholeArgv(argv, limit); whole {
		return append(dst, line...)
	}
	c := &cutting{argv: argv, shown: make([]string, len(argv)), left: limit}
	last := len(argv) - 1
	name := utf8.RuneCountInString(path.Base(argv[0])) + 2 // and "…/"
	program := max(limit/2, limit-longestOf(argv[1:])-1, min(name, limit*3/4))
	if last == 0 {
		program = limit
	}
	c.show(0, program)
	if last > 1 && (!strings.HasPrefix(argv[1], "-") || len(argv[1]) <= maxShortOption) {
		c.show(1, min(c.left/2, maxSubcommand))
	}
	if last > 0 {
		c.show(last, max(1, c.left-1))
	}
	for i := 1; i < last && c.fits(i); i++ {
	}
	return c.append(dst)
}

const (
	// maxSubcommand bounds what is shown of a subcommand: longer ones are none.
	maxSubcommand = 24
	// maxShortOption is the length of "-c", which says what the next argument is.
	maxShortOption = 2
)

// withBriefIDs is argv with its ids shortened.
func withBriefIDs(argv []string) []string {
	for i, arg := range argv {
		if brief := briefIDs(arg); brief != arg {
			out := append([]string(nil), argv...)
			for j := i; j < len(out); j++ {
				out[j] = briefIDs(out[j])
			}
			return out
		}
	}
	return argv
}

// wholeArgv is a command line that needs no more characters than limit.
func wholeArgv(argv []string, limit int) (line []byte, whole bool) {
	left := limit
	for i, arg := range argv {
		if i > 0 {
			line = append(line, ' ')
			left--
		}
		if len(fit(arg, max(0, left))) < len(arg) || left < 0 {
			return nil, false
		}
		from := len(line)
		line = appendArg(line, arg, i == 0)
		left -= utf8.RuneCount(line[from:])
	}
	return line, left >= 0
}

// longestOf is the length of the longest of some arguments, in bytes.
func longestOf(args []string) int {
	n := 0
	for _, arg := range args {
		n = max(n, len(arg))
	}
	return n
}

// appendArg appends one argument, or the program if it is the first.
func appendArg(dst []byte, arg string, first bool) []byte {
	if first && strings.IndexByte(arg, '=') >= 0 && quotingOf(arg) == bare {
		// Pasted, it would set a variable instead.
		return append(append(append(dst, '\''), arg...), '\'')
	}
	return appendQuoted(dst, arg)
}

// cutting is a command line that is too long.
type cutting struct {
	argv []string
	// shown is what is shown of each, empty for nothing.
	shown []string
	// left is how many characters there is room for.
	left int
}

// show shows an argument within so many characters.
func (c *cutting) show(i, room int) {
	c.shown[i] = string(cutArg(c.argv[i], room, i == 0))
	c.left -= utf8.RuneCountInString(c.shown[i]) + 1
}

// fits shows an argument if there is room for all of it, and reports whether it is shown.
func (c *cutting) fits(i int) bool {
	if c.shown[i] != "" {
		return true
	}
	room := c.left - 2 // for what stands for those that are left out
	if room <= 0 || len(fit(c.argv[i], room)) < len(c.argv[i]) {
		return false
	}
	whole := string(appendArg(nil, c.argv[i], false))
	if utf8.RuneCountInString(whole) > room {
		return false
	}
	c.shown[i] = whole
	c.left -= utf8.RuneCountInString(whole) + 1
	return true
}

// append appends what is shown, with a mark where something is left out.
func (c *cutting) append(dst []byte) []byte {
	for i, text := range c.shown {
		switch {
		case text == "" && c.shown[i-1] == "":
			continue // the mark is there
		case text == "":
			text = ellipsis
		}
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, text...)
	}
	return dst
}

// cutArg is an argument with its middle left out if it has more characters than there is
// room for. Of a path the last name stays whole if there is room for it.
func cutArg(arg string, room int, first bool) []byte {
	room = max(1, room)
	if len(fit(arg, room)) == len(arg) {
		if whole := appendArg(nil, arg, first); utf8.RuneCount(whole) <= room || quotingOf(arg) != bare {
			return whole
		}
	}
	if name := "/" + path.Base(arg); strings.HasPrefix(arg, "/") && len(arg) > len(name) && len(fit(name, room-1)) == len(name) {
		return appendQuoted([]byte(ellipsis), name)
	}
	head, tail := fit(arg, room/2), fitTail(arg, (room-1)/2)
	if len(head)+len(tail) >= len(arg) { // only quotes make it longer
		return appendArg(nil, arg, first)
	}
	var out []byte
	if head != "" {
		out = appendArg(out, head, first)
	}
	out = append(out, ellipsis...)
	if tail != "" {
		out = appendQuoted(out, tail)
	}
	return out
}

// fitTail returns the longest end of s that takes no more than limit characters when each
// is escaped by itself, quotes not counted.
func fitTail(s string, limit int) string {
	var scratch [16]byte
	from := len(s)
	for from > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:from])
		raw := r == utf8.RuneError && size == 1
		if raw {
			r = rune(s[from-1])
		}
		e := escaper{special: "'"}
		limit -= utf8.RuneCount(e.append(scratch[:0], r, raw))
		if limit < 0 {
			break
		}
		from -= size
	}
	return s[from:]
}
