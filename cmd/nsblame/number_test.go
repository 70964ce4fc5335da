package main

import (
	"errors"
	"testing"
	"time"
)

func TestDurationFlag(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"1d": day, "2d12h": 60 * time.Hour, "1d1ms": day + time.Millisecond, "90s": 90 * time.Second,
		"1h30m": 90 * time.Minute, "0": 0, "0s": 0, "-1s": -time.Second, "0d": 0, "0.5h": 30 * time.Minute,
	} {
		var d durationFlag
		if err := d.Set(in); err != nil || time.Duration(d) != want {
			t.Errorf("%q: %v, %v", in, time.Duration(d), err)
		}
	}
	for in, want := range map[string]error{
		"5": errNoUnit, "1.5": errNoUnit, "-5": errNoUnit, "": errBadDuration, "soon": errBadDuration, "d": errBadDuration,
		"-1d": errBadDuration, "1d-1h": errBadDuration, "1d5": errBadDuration, "1.5d": errBadDuration, "4000000000d": errBadDuration,
		"106751d48h": errBadDuration, "1h1d": errBadDuration,
	} {
		var d durationFlag
		if err := d.Set(in); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
	if d := durationFlag(day); d.String() != "24h0m0s" {
		t.Error(d.String())
	}
}

func TestCountFlag(t *testing.T) {
	var c countFlag
	if err := c.Set("12"); err != nil || c != 12 || c.String() != "12" {
		t.Errorf("%d, %v", c, err)
	}
	for _, in := range []string{"", "0", "-1", "many", "1.5", "99999999999999999999"} {
		if err := c.Set(in); !errors.Is(err, errBadCount) {
			t.Errorf("%q: %v", in, err)
		}
	}
}
