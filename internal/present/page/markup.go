package page

import (
	"bufio"
	"encoding/json"
	"html"
	"math"
	"strconv"
	"strings"
)

// markup writes HTML. What is put into it is escaped. A template of the standard library
// does the same by reflection, which has the linker keep every method of the program.
type markup struct{ *bufio.Writer }

// trusted is markup that this program brings: the style and the script. It is not escaped.
type trusted string

// put writes a form with a value in place of each {}. Texts are escaped for an element's
// content and for an attribute in double quotes. A form must have no {} elsewhere, not
// within a script or a style, and not within an attribute that holds an address or code.
func (m markup) put(form string, values ...any) {
	for _, v := range values {
		before, rest, _ := strings.Cut(form, "{}")
		_, _ = m.WriteString(before) // Flush has the error of this and all others
		_, _ = m.WriteString(shown(v))
		form = rest
	}
	_, _ = m.WriteString(form)
}

// shown is a value as it stands in markup. For what has no form, nothing does.
func shown(v any) string {
	switch v := v.(type) {
	case trusted:
		return string(v)
	case string:
		return html.EscapeString(strings.ReplaceAll(v, "\x00", "\uFFFD"))
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	}
	return ""
}

// with writes a form if a text is not empty.
func (m markup) with(text, form string) {
	if text != "" {
		m.put(form, text)
	}
}

// jsonOf is a value for a script, in which nothing ends the element.
func jsonOf(v any) (trusted, error) {
	out, err := json.Marshal(v) // escapes <, > and &
	return trusted(out), err
}
