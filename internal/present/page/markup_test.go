package page

import (
	"bufio"
	"strings"
	"testing"
)

// Nothing that is put into markup is markup, but for what the program brings.
func TestPut(t *testing.T) {
	for _, c := range []struct {
		form   string
		values []any
		want   string
	}{
		{`<p title="{}">{}</p>`, []any{`a"b'<c>&{}`, "x\x00<!--"}, `<p title="a&#34;b&#39;&lt;c&gt;&amp;{}">x` + "\uFFFD" + `&lt;!--</p>`},
		{"{} {} {}", []any{7, -0.04, 12.36}, "7 -0 12.4"},
		{"<style>{}</style>", []any{trusted("a>b{}")}, "<style>a>b{}</style>"},
		{"<p>{}</p>", []any{[]string{"<"}}, "<p></p>"},
		{"none", nil, "none"},
	} {
		var b strings.Builder
		m := markup{bufio.NewWriter(&b)}
		m.put(c.form, c.values...)
		if err := m.Flush(); err != nil || b.String() != c.want {
			t.Errorf("%q: %q, %v", c.form, b.String(), err)
		}
	}
	if data, err := jsonOf("</script><!--"); err != nil || strings.ContainsAny(string(data), "<>") {
		t.Errorf("%s, %v", data, err)
	}
}
