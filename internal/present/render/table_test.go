package render

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// Cells of wide characters and of marks keep the columns that follow in line, and what is
// cut keeps its beginning and its end.
func TestGrid(t *testing.T) {
	g := &grid{columns: []*column{
		{title: "NAME", width: 12, cells: []string{"plain", "日本語の名前です", "éa", "begin-and-the-end", ""}},
		{title: "N", right: true, cells: []string{"1", "22", "333", "4", "5"}},
		{title: "LAST", cells: []string{"x", "x", "x", "x", ""}},
	}}
	text := g.text()
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if at := strings.LastIndexByte(line, 'x'); i > 0 && i < 5 && width(line[:max(at, 0)]) != 12+2+3+2 {
			t.Errorf("not in line: %q", line)
		}
	}
	if !strings.Contains(text, "begin-an…end") {
		t.Error(text)
	}
}

// Of any text as much is shown as there is room for, and never more.
func TestWithin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := escape(rapid.OneOf(rapid.String(), rapid.StringMatching(`[a日́ ]{0,40}`)).Draw(t, "text"))
		cells := rapid.IntRange(4, 30).Draw(t, "cells")
		got := within(text, cells)
		if width(got) > cells || width(text) <= cells && got != text {
			t.Fatalf("%q in %d cells: %q, which takes %d", text, cells, got, width(got))
		}
	})
}

// No row of the table is wider than the terminal, and no word is lost to wrapping.
func TestScreenFits(t *testing.T) {
	var all []*finding.Attribution
	for _, s := range scenarios() {
		all = append(all, s.c)
	}
	r := reportOf(true, all...)
	for _, columns := range []int{60, 80, 100, 120, 200} {
		var w bytes.Buffer
		if err := ReportText(&w, r, &ReportOptions{Width: columns}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(w.String()) {
			line = strings.TrimSuffix(line, "\n")
			isCommand := strings.Contains(line, "systemctl ") || strings.Contains(line, "ls /etc/crontab")
			isCost := strings.Contains(line, ": each ") || strings.Contains(line, " %) ")
			if width(line) > columns && !isCommand && !isCost {
				t.Errorf("%d columns, %d: %s", columns, width(line), line)
			}
		}
	}
}

// Figures are as a person writes them.
func TestFigures(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{grouped(0), "0"},
		{grouped(999), "999"},
		{grouped(97_719), "97,719"},
		{grouped(1_000_000), "1,000,000"},
		{brief(290e6), "0.3s"},
		{brief(3_200_000), "3.2ms"},
		{brief(100_560e9), "27h56m"},
		{brief(327e9), "5m27s"},
		{brief(11 * 24 * 3600e9), "11d0h"},
		{pace(97_719, 100_560e9), "58/min"},
		{pace(5, 327e9), "55/hour"},
		{pace(3, 48*3600e9), "1.5/day"},
		{pace(1, 1e9), ""},
		{percent(78_000, 97_719), "80"},
		{percent(1, 1000), "<1"},
		{percent(999, 1000), ">99"},
		{percent(0, 0), "0"},
		{percent(3, 3), "100"},
		{perHour(78_000, 100_560e9), "2,792"},
		{distinctText(report.Distinct{N: 12_345, Estimated: true}), "about 12,000"},
		{patternText([]string{"ip", "netns", "add", "chk-*"}), "ip netns add chk-*"},
		{patternText([]string{"sh", "-c", "a b*", "*"}), "sh -c 'a b'* *"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, expected %q", tt.got, tt.want)
		}
	}
}
