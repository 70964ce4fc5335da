package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/report"
)

// reportView are the flags that say what of a report is shown, and how it is grouped.
type reportView struct {
	cause, top   uint
	all          bool
	sort, by     choice
	since, until timeFlag
}

func newReportView() reportView {
	v := reportView{top: defaultTop, sort: choice{value: string(report.OrderCount)}}
	for _, o := range report.Orders {
		v.sort.allowed = append(v.sort.allowed, string(o))
	}
	for _, b := range report.Bys {
		v.by.allowed = append(v.by.allowed, string(b))
	}
	return v
}

// defaultTop is how many causes a screen has.
const defaultTop = 10

func (v *reportView) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.UintVar(&v.cause, "cause", 0, "show all that is known of the cause of this `number`")
	flags.UintVar(&v.top, "top", defaultTop, "show this many causes")
	flags.BoolVar(&v.all, "all", false, "show every cause, and all that is known of each")
	v.sort.add(cmd, "sort", "sort the causes; their numbers stay those by count")
	v.by.add(cmd, "by", "group the creations by this in place of their cause")
	flags.Var(&v.since, "since", "only what was created from this `time` on: 2006-01-02 15:04:05, 15:04, or -1h before the recording's end")
	flags.Var(&v.until, "until", "only what was created until this `time`")
}

var (
	errCauseAll   = errors.New("--cause doesn't go with --all")
	errNumber     = errors.New("--cause and --top count from 1")
	errWindowLive = errors.New("--since and --until go with a recording")
	errWindow     = errors.New("--until is before --since")
)

func (v *reportView) validate(cmd *cobra.Command, files []string) error {
	given := cmd.Flags().Changed
	switch {
	case given("cause") && v.all:
		return errCauseAll
	case given("cause") && v.cause == 0 || v.top == 0:
		return errNumber
	case len(files) == 0 && (v.since.given() || v.until.given()):
		return errWindowLive
	case (v.since.relative || v.until.relative) && slices.Contains(files, "-"):
		return errors.New("a time before the end goes with files: the end of stdin is not known yet")
	}
	return nil
}

// limit leaves of a report what is asked for.
func (v *reportView) limit(cmd *cobra.Command, r *report.Report, text bool) error {
	r.Sort(report.Order(v.sort.value))
	switch {
	case v.cause > 0:
		n := len(r.Causes)
		if !r.Keep(int(v.cause)) {
			return fmt.Errorf("--cause %d: the report has %d causes", v.cause, n)
		}
	case !text && cmd.Flags().Changed("top"):
		r.Cut(int(v.top))
	}
	return nil
}

// shown is how many causes text and Markdown have, 0 for all.
func (v *reportView) shown() int {
	if v.all {
		return 0
	}
	return int(v.top)
}

// timeFlag is a moment: a time of day, a date with one, or so long before the end of a
// recording.
type timeFlag struct {
	text     string
	relative bool
	before   time.Duration
	layout   string
}

// timeLayouts are the forms of a moment. Those without a date are of the day on which the
// recording ends, those without a zone in its zone.
var timeLayouts = []string{
	time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02", "15:04:05", "15:04",
}

var errTime = errors.New("not a time: 2006-01-02 15:04:05, 15:04, or -1h for an hour before the end")

// String returns what was given.
func (f *timeFlag) String() string { return f.text }

// Type names the value in the help.
func (f *timeFlag) Type() string { return "time" }

// Set parses a moment.
func (f *timeFlag) Set(s string) error {
	*f = timeFlag{text: s}
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		d, err := parseAgo(rest)
		f.relative, f.before = true, d
		return err
	}
	for _, layout := range timeLayouts {
		if _, err := time.Parse(layout, s); err == nil {
			f.layout = layout
			return nil
		}
	}
	return errTime
}

// parseAgo reads a duration, which may be in days.
func parseAgo(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, errTime
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, errTime
	}
	return d, nil
}

func (f *timeFlag) given() bool { return f.text != "" }

// needsEnd reports whether the moment depends on when a recording ends.
func (f *timeFlag) needsEnd() bool { return f.given() && f.layout != time.RFC3339 }

// at is the moment, in a recording that ends at a time, in the zone of its machine.
func (f *timeFlag) at(end time.Time) time.Time {
	switch {
	case !f.given():
		return time.Time{}
	case f.relative:
		return end.Add(-f.before)
	}
	t, err := time.ParseInLocation(f.layout, f.text, end.Location())
	if err != nil {
		panic(err) // Set has parsed it
	}
	if strings.HasPrefix(f.layout, "15") {
		y, m, d := end.Date()
		t = time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, end.Location())
		if t.After(end) {
			t = t.AddDate(0, 0, -1) // that of the day before
		}
	}
	return t
}

// window is that of both flags.
func (v *reportView) window(end time.Time) (report.Window, error) {
	w := report.Window{Since: v.since.at(end), Until: v.until.at(end)}
	if !w.Until.IsZero() && w.Until.Before(w.Since) {
		return w, errWindow
	}
	return w, nil
}
