package render

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"pgregory.net/rapid"
)

// fataler is a test, or one of many that are drawn.
type fataler interface {
	Fatalf(format string, args ...any)
}

// anyString draws strings that are mostly trouble.
func anyString() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{
			"", "sh", "(sd-pam)", "\x1b[2J", "\u202e", "\u009b", "\x9b", "a\nb", "'", `\`, "\u2028", "\ufffd",
			"\U000e0001", "A=b", strings.Repeat("x", 5000), strings.Repeat("\x01", 500),
		}),
		rapid.Map(rapid.SliceOfN(rapid.RuneFrom(nil, unicode.Cf, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Mn), 0, 8),
			func(r []rune) string { return string(r) }),
	)
}

func anyProcess(depth int) *rapid.Generator[lineage.Process] {
	return rapid.Custom(func(t *rapid.T) lineage.Process {
		p := lineage.Process{
			ID:  event.ProcessID{PID: rapid.Uint32().Draw(t, "pid"), StartNS: rapid.Uint64().Draw(t, "start")},
			TID: rapid.Uint32().Draw(t, "tid"), UID: rapid.Uint32().Draw(t, "uid"),
			Comm: anyString().Draw(t, "comm"), Argv: rapid.SliceOfN(anyString(), 0, 4).Draw(t, "argv"),
			Exe: anyString().Draw(t, "exe"), Cgroup: anyString().Draw(t, "cgroup"),
			ExitCode: rapid.Uint32().Draw(t, "exit"), ExitNS: rapid.Uint64().Draw(t, "exit_ns"),
		}
		for _, flag := range []*bool{
			&p.ArgvTruncated, &p.ArgvUnread, &p.ExeTruncated, &p.CgroupTruncated, &p.CgroupUnknown,
			&p.Exited, &p.Preexisting, &p.Unresolved,
		} {
			*flag = rapid.Bool().Draw(t, "flag")
		}
		if depth > 0 && rapid.Bool().Draw(t, "exec") {
			exec := anyProcess(depth-1).Draw(t, "exec")
			p.Exec = &exec
		}
		return p
	})
}

func anyCreation() *rapid.Generator[*finding.Attribution] {
	return rapid.Custom(func(t *rapid.T) *finding.Attribution {
		c := &lineage.Creation{
			BootNS:            rapid.Uint64().Draw(t, "boot"),
			Process:           anyProcess(1).Draw(t, "process"),
			Ancestry:          rapid.SliceOfN(anyProcess(0), 0, 12).Draw(t, "ancestry"),
			AncestryTruncated: rapid.Bool().Draw(t, "truncated"),
			AncestryWhy:       lineage.Cut(anyString().Draw(t, "why")),
			Netns: event.NetnsCreate{
				Call:  rapid.SampledFrom([]event.Call{event.CallClone, event.CallUnshare, event.CallUnknown, "\x1b\xff"}).Draw(t, "call"),
				Inum:  rapid.Uint32().Draw(t, "inum"),
				Errno: rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32()).Draw(t, "errno"),
				Init: []event.Init{{
					Op: anyString().Draw(t, "op"), Subsystem: anyString().Draw(t, "subsystem"),
					DurationNS: rapid.Uint64().Draw(t, "init"), IPVS: &event.IPVS{ID: rapid.Int32().Draw(t, "id")},
				}},
				DurationNS: rapid.Uint64().Draw(t, "duration"), EntryMissed: rapid.Bool().Draw(t, "missed"),
			},
		}
		if rapid.Bool().Draw(t, "child") {
			child := anyProcess(1).Draw(t, "child")
			c.Child = &child
		}
		out := unblamed(c)
		out.Links = []finding.Link{{Kind: finding.Kind(anyString().Draw(t, "link")), Evidence: "\x1b", Cause: finding.Job{Method: anyString().Draw(t, "text")}}}
		if rapid.Bool().Draw(t, "for") {
			odd := misnamed(anyString().Draw(t, "for whom"))
			out.For, out.Origin.Pod, out.Origin.Container = odd.For, odd.Origin.Pod, odd.Origin.Container
		}
		if rapid.Bool().Draw(t, "placement") {
			s := func() string { return anyString().Draw(t, "placement string") }
			out.Placement = cgroup.Placement{
				Unit: s(), Manager: event.Manager(s()), Slice: s(), SystemUnit: s(), Session: s(),
				Container: &cgroup.Container{ID: s(), Runtime: s(), Pod: s()},
				Outer:     &cgroup.Container{ID: s(), Runtime: s()},
				Monitor:   &cgroup.Container{ID: s(), Runtime: s()},
			}
		}
		return out
	})
}

// harmless fails if out holds anything but newlines that a terminal would act
// upon or hide.
func harmless(t fataler, out string) {
	if !utf8.ValidString(out) {
		t.Fatalf("not utf-8: %q", out)
	}
	for _, r := range out {
		if r == '\n' {
			continue
		}
		if r < 0x20 || r >= 0x7f && r < 0xa0 || unicode.In(r, unicode.Cf, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs) {
			t.Fatalf("%U in %q", r, out)
		}
	}
}

// printAll prints c and everything else there is, with hostile strings.
func printAll(t *rapid.T, p finding.Consumer, c *finding.Attribution) {
	observe(p, event.Event{Body: &event.Host{
		ClockOffsetNS: rapid.Int64().Draw(t, "offset"), UTCOffsetSeconds: rapid.Int().Draw(t, "zone"),
	}})
	s := anyString().Draw(t, "other")
	for _, err := range []error{
		p.Consume(created(c)),
		p.Consume(&finding.Lost{BootNS: c.BootNS, Loss: &event.Loss{Kind: event.LossKind(s), Count: 1}}),
		p.Consume(&finding.Covered{BootNS: c.BootNS, Coverage: &event.Coverage{Probe: event.Probe(s), AttachMethod: s, Why: s}}),
		p.Consume(&finding.Summary{Seen: 1, Lost: map[event.LossKind]uint64{event.LossKind(s): 2}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTextIsHarmless: whatever processes call themselves, nothing of it
// reaches the terminal unescaped, and a creation stays one line of bounded
// length.
func TestTextIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCreation().Draw(t, "creation")
		var line, tree bytes.Buffer
		printAll(t, NewText(&line, &line, TextOptions{}), c)
		printAll(t, NewText(&tree, &tree, TextOptions{Tree: true}), c)
		harmless(t, line.String())
		harmless(t, tree.String())
		for _, opt := range []TextOptions{{Width: 80}, {Width: 120}, {Width: 80, Tree: true}} {
			var fitted bytes.Buffer
			printAll(t, NewText(&fitted, io.Discard, opt), c)
			harmless(t, fitted.String())
			fits(t, fitted.String(), opt.Width)
		}
		first, rest, _ := strings.Cut(line.String(), "\n")
		if n := width(first); n > 4000 {
			t.Fatalf("a line of %d characters: %q", n, first)
		}
		if n := strings.Count(rest, "\n"); n != 4 {
			t.Fatalf("%d lines follow that of the creation:\n%s", n, rest)
		}
	})
}

// TestJSONIsLossless: one line for each call, no character that a terminal
// acts upon, and every string comes back byte by byte.
func TestJSONIsLossless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCreation().Draw(t, "creation")
		var out bytes.Buffer
		printAll(t, NewJSON(&out), c)
		harmless(t, out.String())
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != 4 {
			t.Fatalf("%d lines", len(lines))
		}
		var objects [4]map[string]any
		for i, line := range lines {
			if err := json.Unmarshal([]byte(line), &objects[i]); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
		}
		created := objects[0]
		sameProcess(t, created["process"], &c.Process)
		if c.Child != nil {
			sameProcess(t, created["child"], c.Child)
		}
		for i, a := range created["ancestry"].([]any) {
			sameProcess(t, a, &c.Ancestry[i])
		}
		same(t, created, "call", string(c.Netns.Call))
		init := created["init"].([]any)[0].(map[string]any)
		same(t, init, "op", c.Netns.Init[0].Op)
		same(t, init, "subsystem", c.Netns.Init[0].Subsystem)
		chain := created["chain"].([]any)
		same(t, chain[len(chain)-1].(map[string]any), "text", causeText(c.Links[0].Cause))
		if c.Placement.Unit != "" {
			same(t, created["unit"].(map[string]any), "name", c.Placement.Unit)
		}
		if c.Placement.Container != nil {
			same(t, created["container"].(map[string]any), "id", c.Placement.Container.ID)
		}
		if c.AncestryTruncated {
			same(t, created, "ancestry_why", string(c.AncestryWhy))
		}
	})
}

func sameProcess(t fataler, got any, want *lineage.Process) {
	object := got.(map[string]any)
	same(t, object, "comm", want.Comm)
	same(t, object, "exe", want.Exe)
	if !want.CgroupUnknown {
		same(t, object, "cgroup", want.Cgroup)
	}
	list, encoded := object["argv"].([]any), false
	if object["argv_base64"] != nil {
		list, encoded = object["argv_base64"].([]any), true
	}
	var argv []string
	for _, s := range list {
		argv = append(argv, decoded(t, s.(string), encoded))
	}
	if len(argv) != len(want.Argv) || len(argv) > 0 && !cmp.Equal(argv, want.Argv) {
		t.Fatalf("argv %q, want %q", argv, want.Argv)
	}
	if want.Exec != nil {
		sameProcess(t, object["exec"], want.Exec)
	}
}

// same reads a string as the package's documentation says and compares.
func same(t fataler, object map[string]any, name, want string) {
	value, encoded := object[name], false
	if v, ok := object[name+"_base64"]; ok {
		value, encoded = v, true
	}
	if got := decoded(t, value.(string), encoded); got != want {
		t.Fatalf("%s: %q, want %q", name, got, want)
	}
}

func decoded(t fataler, s string, encoded bool) string {
	if !encoded {
		return s
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(b)
}

// unquote reads a command line as bash does, for the quoting that appendArgv
// uses.
func unquote(line string) ([]string, error) {
	var words []string
	var word []byte
	var open bool
	for i := 0; i < len(line); {
		var err error
		size := 1
		switch {
		case line[i] == ' ':
			words, word, open = append(words, string(word)), nil, false
		case strings.HasPrefix(line[i:], "$'"):
			open = true
			word, size, err = unquoteANSI(word, line[i:])
		case line[i] == '\'':
			open = true
			end := strings.IndexByte(line[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("open quote")
			}
			word, size = append(word, line[i+1:i+1+end]...), end+2
		case strings.HasPrefix(line[i:], `\'`):
			word, size = append(word, '\''), 2
		case line[i] < utf8.RuneSelf && !plain(rune(line[i])):
			return nil, fmt.Errorf("bare %q", line[i])
		default:
			open = true
			word = append(word, line[i])
		}
		if err != nil {
			return nil, err
		}
		i += size
	}
	if open || line != "" {
		words = append(words, string(word))
	}
	return words, nil
}

// unquoteANSI reads $'…' at the front of s and returns its length.
func unquoteANSI(word []byte, s string) ([]byte, int, error) {
	body := s[2:]
	for i := 0; i < len(body); i++ {
		if body[i] == '\'' {
			return word, 2 + i + 1, nil
		}
		if body[i] != '\\' {
			word = append(word, body[i])
			continue
		}
		i++
		var n uint32
		switch c := body[i]; c {
		case 'n', 't', 'r':
			word = append(word, map[byte]byte{'n': '\n', 't': '\t', 'r': '\r'}[c])
		case 'x', 'u', 'U':
			digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
			if _, err := fmt.Sscanf(body[i+1:i+1+digits], "%x", &n); err != nil {
				return nil, 0, err
			}
			if i += digits; c == 'x' {
				word = append(word, byte(n))
			} else {
				word = utf8.AppendRune(word, rune(n))
			}
		default:
			word = append(word, c)
		}
	}
	return nil, 0, io.ErrUnexpectedEOF
}

// quotedTruly fails unless argv, quoted, is harmless and reads as argv again.
func quotedTruly(t fataler, argv []string) {
	line := string(appendArgv(nil, argv, 1<<30))
	harmless(t, line)
	if strings.Contains(line, "\n") {
		t.Fatalf("newline in %q", line)
	}
	got, err := unquote(line)
	if err != nil || !cmp.Equal(got, argv) {
		t.Fatalf("%q is shown as %s, which reads %q (%v)", argv, line, got, err)
	}
}

// TestQuotingIsTrue: a shown command line, pasted, is the command line.
func TestQuotingIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quotedTruly(t, rapid.SliceOfN(anyString(), 1, 5).Draw(t, "argv"))
	})
}

// TestShortening: what is shortened stays within the limit but for quotes, is
// marked, and its beginning is the truth.
func TestShortening(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		argv := rapid.SliceOfN(anyString(), 1, 5).Draw(t, "argv")
		limit := rapid.IntRange(1, 200).Draw(t, "limit")
		out := string(appendArgv(nil, argv, limit))
		harmless(t, out)
		if n := width(out); n > 3*limit+20 {
			t.Fatalf("%d characters with a limit of %d: %s", n, limit, out)
		}
		full := string(appendArgv(nil, argv, 1<<30))
		if out != full && !strings.HasSuffix(out, ellipsis) {
			t.Fatalf("%s is not %s and has no mark", out, full)
		}
	})
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a b", "it's", "\x1b[2J", "\u202e", "\xff\xfe", `\x41`, "A=b", "\u009b\u2028"} {
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		quotedTruly(t, []string{a, b})
		for _, s := range []string{a, b} {
			harmless(t, fitEscaped(s, 40))
			shown := escape(s)
			harmless(t, shown)
			if got, _, err := unquoteANSI(nil, "$'"+strings.ReplaceAll(shown, "'", `\'`)+"'"); err != nil || string(got) != s {
				t.Fatalf("%q is shown as %s, which reads %q (%v)", s, shown, got, err)
			}
		}
	})
}
