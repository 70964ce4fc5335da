package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// durationFlag is a length of time. Unlike Go's own it knows days.
type durationFlag time.Duration

const day = 24 * time.Hour

var (
	errNoUnit      = errors.New("its unit is missing, as in 10s, 10m, 10h or 10d")
	errBadDuration = errors.New("not a length of time, as in 90s, 10m, 2h30m or 1d")
)

// String returns the duration in hours, minutes and seconds.
func (d *durationFlag) String() string {
	if *d == 0 {
		return "0"
	}
	return time.Duration(*d).String()
}

// Type names the value in the help.
func (d *durationFlag) Type() string { return "duration" }

// Set parses "90s", "1h30m", "1d", "2d12h".
func (d *durationFlag) Set(s string) error {
	number := strings.TrimLeft(s, "+-")
	if _, err := strconv.ParseFloat(number, 64); err == nil && strings.Trim(number, "0.") != "" {
		return errNoUnit
	}
	whole, rest, err := cutDays(s)
	if err != nil {
		return err
	}
	more, err := time.ParseDuration(rest)
	if err != nil {
		return errBadDuration
	}
	if more > math.MaxInt64-whole {
		return errBadDuration
	}
	*d = durationFlag(whole + more)
	return nil
}

// cutDays takes the days off the beginning of a duration.
func cutDays(s string) (days time.Duration, rest string, err error) {
	number, rest, found := strings.Cut(s, "d")
	if !found {
		return 0, s, nil
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n > uint64(math.MaxInt64/day) || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return 0, "", errBadDuration
	}
	if rest == "" {
		rest = "0s"
	}
	return time.Duration(n) * day, rest, nil
}

// countFlag is a number of things, at least one.
type countFlag uint64

var errBadCount = errors.New("not a whole number of 1 or more")

// String returns the number.
func (c *countFlag) String() string { return strconv.FormatUint(uint64(*c), 10) }

// Type names the value in the help.
func (c *countFlag) Type() string { return "number" }

// Set parses a number.
func (c *countFlag) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return errBadCount
	}
	*c = countFlag(n)
	return nil
}
