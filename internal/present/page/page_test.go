package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
)

// hostile are names that a process can choose.
var hostile = []string{
	`</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, `{{.}}`, `javascript:alert(1)`,
	`' onmouseover='alert(1)`, `</style><link rel=stylesheet href=//evil.example/x>`, "<!--", "]]>", "\u202eevil\u202c", "\xff<b>", "a\nb\x1b[2J", "\u2028",
}

// hostileReport is of creations by commands with such names.
func hostileReport(t *testing.T) *report.Report {
	t.Helper()
	c := report.NewCollector()
	c.KeepLives()
	see := func(f finding.Finding) {
		if err := c.Consume(f); err != nil {
			t.Fatal(err)
		}
	}
	see(&finding.Observed{Event: event.Event{Body: &event.Host{Hostname: "<h1>node</h1>"}}})
	for i := range uint64(100) {
		name := hostile[i%uint64(len(hostile))]
		p := lineage.Process{ID: event.ProcessID{PID: uint32(i) + 2, StartNS: i}, Comm: "x", Argv: []string{name, name}, Exe: name}
		ns := event.NetnsCreate{Serial: i + 1, Init: []event.Init{{Subsystem: "ip_vs", IPVS: &event.IPVS{ID: int32(i), Size: 2176}}}}
		at := (i + 1) * 1e9
		see(&finding.Observed{Event: event.Event{BootNS: at, Body: &ns}})
		see(&finding.Created{Selected: true, Attribution: &finding.Attribution{
			Creation: &lineage.Creation{BootNS: at, Netns: ns, Process: p},
			Origin:   finding.Origin{Trigger: finding.TriggerCommand, Process: &p, Evidence: evidence.Kernel},
		}})
		see(&finding.Observed{Event: event.Event{BootNS: at + 3e8, Body: &event.NetnsRelease{Serial: i + 1}}})
	}
	return c.Report()
}

func written(t *testing.T, r *report.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, r, &render.ReportOptions{Top: 10}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// each calls f for every element of a page.
func each(t *testing.T, page string, f func(n *html.Node)) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			f(n)
		}
	}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// Whatever a process is called, the page has its own elements and scripts only.
func TestHostileNames(t *testing.T) {
	page := written(t, hostileReport(t))
	allowed := map[string]bool{}
	for name := range strings.FieldsSeq(`html head meta title style body a header main section h1 h2 h3 h4 p ul ol li div table caption thead tbody
		tr th td span figure figcaption svg g rect line path text article dl dt dd pre code details summary button canvas script strong`) {
		allowed[name] = true
	}
	scripts := 0
	each(t, page, func(n *html.Node) {
		if !allowed[n.Data] {
			t.Errorf("element %s", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
		if n.Data == "script" {
			scripts++
		}
	})
	if scripts != 2 {
		t.Errorf("%d scripts, one is of data and one is the page's", scripts)
	}
	for _, r := range []rune{'\u202e', '\u2028', '\x1b'} {
		if strings.ContainsRune(page, r) {
			t.Errorf("the page has %U", r)
		}
	}
}

// The page refers to nothing outside, and says so to the browser.
func TestNothingOutside(t *testing.T) {
	policies := 0
	each(t, written(t, hostileReport(t)), func(n *html.Node) {
		for _, key := range []string{"src", "href", "srcset", "action", "data", "xlink:href", "poster", "background"} {
			if v := attribute(n, key); v != "" && !strings.HasPrefix(v, "#") {
				t.Errorf("<%s %s=%q>", n.Data, key, v)
			}
		}
		if strings.Contains(attribute(n, "style"), "url(") {
			t.Errorf("style=%q", attribute(n, "style"))
		}
		if attribute(n, "http-equiv") == "Content-Security-Policy" {
			policies++
			if v := attribute(n, "content"); v != policy() || !strings.HasPrefix(v, "default-src 'none';") {
				t.Errorf("policy %q", v)
			}
		}
	})
	if policies != 1 || strings.Contains(pageCSS, "url(") || strings.Contains(pageCSS, "@import") {
		t.Errorf("%d policies", policies)
	}
}

// For a screen reader: one h1, no level left out, captions, scopes, names for pictures, and
// every reference leads somewhere.
func TestAccessible(t *testing.T) {
	ids, refs := map[string]bool{}, map[string]bool{}
	level := 0
	each(t, written(t, hostileReport(t)), func(n *html.Node) {
		if id := attribute(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("two elements have the id %s", id)
			}
			ids[id] = true
		}
		for _, key := range []string{"aria-labelledby", "aria-describedby"} {
			if v := attribute(n, key); v != "" {
				refs[v] = true
			}
		}
		if v := attribute(n, "href"); v != "" {
			refs[strings.TrimPrefix(v, "#")] = true
		}
		switch n.Data {
		case "h1", "h2", "h3", "h4":
			now := int(n.Data[1] - '0')
			if now > level+1 {
				t.Errorf("h%d after h%d", now, level)
			}
			level = now
		case "table":
			if n.FirstChild.NextSibling.Data != "caption" {
				t.Error("a table without a caption")
			}
		case "th":
			if attribute(n, "scope") == "" || n.FirstChild == nil {
				t.Error("a head without a scope or a text")
			}
		case "svg":
			if attribute(n, "role") != "img" || attribute(n, "aria-labelledby") == "" {
				t.Error("a picture without a name")
			}
		}
	})
	for id := range refs {
		if !ids[id] {
			t.Errorf("nothing has the id %s", id)
		}
	}
}

// The data for the script are the lives, as they were.
func TestData(t *testing.T) {
	r := hostileReport(t)
	var got data
	each(t, written(t, r), func(n *html.Node) {
		if attribute(n, "id") == "data" {
			if err := json.Unmarshal([]byte(n.FirstChild.Data), &got); err != nil {
				t.Fatal(err)
			}
		}
	})
	if len(got.Rows) == 0 || got.Wall == nil || got.Span != 1_003_000 {
		t.Fatalf("%d lanes, span %d", len(got.Rows), got.Span)
	}
	for i, lane := range got.Rows {
		if c := r.Causes[i]; lane.Count != c.Lives.Kept() || lane.Log != "IPVS: Creating netns size=2176 id=#" || lane.Number != c.Number {
			t.Errorf("lane %+v of %d creations", lane, c.Count)
		}
	}
}

// Lives that were packed for the script are what it unpacks.
func TestPack(t *testing.T) {
	got, logged := pack([]report.Life{
		{Created: 1e9, Ended: 13e8}, {Created: 11e8, Failed: true}, {Created: 2e9, Logged: true, LogID: 5},
	}, 1e9)
	want := []byte{0, 0x84, 0x2f /* (2+3000)<<1 = 6004 */, 0xe8, 0x07 /* 1000 */, 2, 0xa8, 0x46 /* 9000 */, 1, 10}
	want[1], want[2] = 0xf4, 0x2e
	if !bytes.Equal(got, want) || !logged {
		t.Errorf("got %x, want %x", got, want)
	}
}

// A report of nothing is a page.
func TestNothing(t *testing.T) {
	if page := written(t, report.NewCollector().Report()); !strings.Contains(page, "No network namespace was created.") || strings.Contains(page, `id="data"`) {
		t.Error(page)
	}
}

// Each color stands out from both grounds, three to one.
func TestColors(t *testing.T) {
	for _, color := range append(palette, otherColor) {
		l := luminance(t, color)
		if light, dark := 1.05/(l+0.05), (l+0.05)/(luminance(t, "#0f1318")+0.05); light < 3 || dark < 3 {
			t.Errorf("%s: %.1f to white, %.1f to the dark ground", color, light, dark)
		}
	}
}

func luminance(t *testing.T, color string) float64 {
	t.Helper()
	var l float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", color, err))
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}
