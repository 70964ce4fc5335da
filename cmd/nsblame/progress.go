package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

const (
	// progressPause is how often what happens at its own pace is shown, and
	// readingPause how often reading is.
	progressPause = time.Second
	readingPause  = 100 * time.Millisecond
	// readingPatience is how long reading takes before it is shown: a bar that
	// goes at once would only flicker.
	readingPatience = time.Second
)

// clearLine removes what stands in the present line of a terminal.
const clearLine = "\r\x1b[K"

// onTerminal reports whether a person sees w.
func onTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// repeatedly calls show after a while and then in regular pauses, until the function
// that it returns is called. That one waits for the last call.
func repeatedly(first, pause time.Duration, show func()) (end func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		timer := time.NewTimer(first)
		defer timer.Stop()
		for {
			select {
			case <-stop:
				return
			case <-timer.C:
				show()
				timer.Reset(pause)
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// showLine keeps a line of a terminal up to date until the function that it returns
// is called. Elsewhere it does nothing.
func showLine(w io.Writer, text func() string) (end func()) {
	if !onTerminal(w) {
		return func() {}
	}
	stop := repeatedly(0, progressPause, func() { fmt.Fprint(w, clearLine+text()) })
	return func() {
		stop()
		fmt.Fprint(w, clearLine)
	}
}

// showReading shows on a terminal how much of a recording was read, and how long the
// rest will take.
func showReading(w io.Writer, src *recorded) (end func()) {
	total := src.size()
	if !onTerminal(w) || total == 0 {
		return func() {}
	}
	return showBar(w, total, readingPatience, src.done.Load)
}

func showBar(w io.Writer, total int64, first time.Duration, done func() int64) (end func()) {
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("reading"), progressbar.OptionSetWidth(20),
		progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	stop := repeatedly(first, readingPause, func() { _ = bar.Set64(min(done(), total-1)) })
	return func() {
		stop()
		_ = bar.Clear()
	}
}

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// size is that of all the files, or 0 if they have no size that stays.
func (r *recorded) size() int64 {
	var total int64
	for _, name := range r.names {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() || r.follow || r.until != nil {
			return 0
		}
		total += info.Size()
	}
	return total
}

// watching says that the probes are attached, and until when.
func (f *liveFlags) watching() string {
	if f.duration > 0 {
		return fmt.Sprintf("nsblame: watching for %s; Ctrl-C ends it earlier", shortDuration(f.duration))
	}
	return "nsblame: watching; Ctrl-C ends it"
}

// shortDuration is a duration without the units that are zero at its end.
func shortDuration(d time.Duration) string {
	text := d.Round(time.Second).String()
	if d < time.Second {
		return d.String()
	}
	for _, zero := range []string{"m0s", "h0m"} {
		if n := len(text) - len(zero); n > 0 && text[n:] == zero {
			text = text[:n+1]
		}
	}
	return text
}

// seen counts the creations of a run, for whoever looks at another moment.
type seen struct{ created, failed atomic.Uint64 }

// Consume implements finding.Consumer.
func (s *seen) Consume(f finding.Finding) error {
	if c, ok := f.(*finding.Created); ok && c.Selected {
		if c.Netns.Errno == 0 {
			s.created.Add(1)
		} else {
			s.failed.Add(1)
		}
	}
	return nil
}

// showWatching keeps what was seen until now on a terminal.
func (f *liveFlags) showWatching(w io.Writer, s *seen) (end func()) {
	begun := time.Now()
	return showLine(w, func() string {
		text := fmt.Sprintf("watching: %d created", s.created.Load())
		if n := s.failed.Load(); n > 0 {
			text += fmt.Sprintf(", %d failed", n)
		}
		passed := time.Since(begun)
		text += ", " + shortDuration(passed)
		if f.duration > 0 {
			left := max(0, f.duration-passed)
			text += fmt.Sprintf(" of %s, until %s", shortDuration(f.duration), time.Now().Add(left).Format(time.TimeOnly))
		}
		return text
	})
}
