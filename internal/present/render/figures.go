package render

import (
	"fmt"
	"strconv"
	"time"
)

// grouped is a number with its thousands apart.
func grouped(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// brief is a duration for a table or a sentence: in one or two units.
func brief(ns uint64) string {
	d := time.Duration(min(ns, 1<<63-1))
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.1fms", float64(d)/1e6)
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 100*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// perHour is how many so many are in an hour, empty where that says nothing.
func perHour(n, observed uint64) string {
	if n < 2 || observed == 0 {
		return ""
	}
	return figure(float64(n) / (float64(observed) / float64(time.Hour)))
}

func figure(f float64) string {
	if f < 10 {
		return oneDigit(f)
	}
	return grouped(uint64(f + 0.5))
}

// oneDigit is a number with one digit behind the point, or with none if that is 0.
func oneDigit(f float64) string {
	text := strconv.FormatFloat(f, 'f', 1, 64)
	if text[len(text)-2:] == ".0" {
		return text[:len(text)-2]
	}
	return text
}

// pace is how many so many are, in the unit of time in which that is a number one can
// imagine.
func pace(n, observed uint64) string {
	if n < 2 || observed == 0 {
		return ""
	}
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{time.Minute, "min"}, {time.Hour, "hour"}, {24 * time.Hour, "day"}} {
		if f := float64(n) * float64(unit.length) / float64(observed); f >= 1 || unit.name == "day" {
			return figure(f) + "/" + unit.name
		}
	}
	return ""
}

// percent is a part in percent.
func percent(part, whole uint64) string {
	switch p := 100 * float64(part) / float64(max(whole, 1)); {
	case part == 0:
		return "0"
	case p < 1:
		return "<1"
	case part < whole && p > 99:
		return ">99"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64)
	}
}
