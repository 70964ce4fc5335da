package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// windowFlags are the flags that choose creations of a recording by their time.
type windowFlags struct{ since, until timeFlag }

func (f *windowFlags) add(cmd *cobra.Command) {
	cmd.Flags().Var(&f.since, "since", "only what was created from this `time` on: 2006-01-02 15:04:05, 15:04, or -1h before the recording's end")
	cmd.Flags().Var(&f.until, "until", "only what was created until this `time`")
}

var (
	errWindowLive = errors.New("--since and --until go with a recording")
	errWindow     = errors.New("--until is before --since")
	errWindowEnd  = errors.New("the end of stdin is not known yet: a time goes with its date and zone, as in 2006-01-02T15:04:05Z")
)

func (f *windowFlags) given() bool { return f.since.given() || f.until.given() }

// needEnd reports whether the window depends on when a recording ends.
func (f *windowFlags) needEnd() bool { return f.since.needsEnd() || f.until.needsEnd() }

func (f *windowFlags) validate(files []string) error {
	switch {
	case len(files) == 0 && f.given():
		return errWindowLive
	case f.needEnd() && slices.Contains(files, "-"):
		return errWindowEnd
	}
	return nil
}

// of is the window in a recording.
func (f *windowFlags) of(ctx context.Context, cmd *cobra.Command, files []string) (w finding.Window, err error) {
	var end time.Time
	if f.needEnd() {
		if end, err = endOf(ctx, files); err != nil {
			return w, err
		}
	}
	w = finding.Window{Since: f.since.at(end), Until: f.until.at(end)}
	if !w.Until.IsZero() && w.Until.Before(w.Since) {
		return w, usage(cmd, errWindow)
	}
	return w, nil
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
