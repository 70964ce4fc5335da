// Package otlphttp sends log records to an OpenTelemetry collector, by OTLP over HTTP with
// protobuf (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
//
// The exporter of OpenTelemetry's SDK would add 7 MB, keeps its queue in memory, and drops
// from it without a count. So this is a client of its own on net/http.
package otlphttp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/nsblame/nsblame/internal/deliver/spool"
)

// Options say where to, and how patiently. Fields that are zero get the default.
type Options struct {
	// URL is where to POST to, whole: https://collector:4318/v1/logs.
	URL string
	// Header are further headers of each request. They are never shown.
	Header http.Header
	// Headers is asked for those of each request in place of Header, if it is not nil.
	Headers func() http.Header
	// Client sends the requests. It must not follow redirects: see NewClient.
	Client *http.Client
	// Queue keeps what was not delivered.
	Queue spool.Queue
	// Dropped makes the record that says how many did not fit into the queue.
	Dropped func(count uint64) []byte
	// Warn takes sentences for the user: the collector does not answer, or refuses
	// records. Their text may hold any byte.
	Warn func(sentence string)
	// Records and Bytes bound a batch: 512, and 1 MiB.
	Records, Bytes int
	// Linger is how long a record waits for others to go with: 1 s.
	Linger time.Duration
	// MinPause is how long the first repetition waits, MaxPause the longest one: 1 s and
	// 30 s. A collector that names a time itself (Retry-After) is believed up to
	// MaxRetryAfter: 5 min.
	MinPause, MaxPause, MaxRetryAfter time.Duration
}

func (o *Options) setDefaults() {
	set(&o.Records, 512)
	set(&o.Bytes, 1<<20)
	set(&o.Linger, time.Second)
	set(&o.MinPause, time.Second)
	set(&o.MaxPause, 30*time.Second)
	set(&o.MaxRetryAfter, 5*time.Minute)
}

func set[T int | time.Duration](to *T, value T) {
	if *to == 0 {
		*to = value
	}
}

// Stats count records.
type Stats struct {
	// Sent were taken by the collector, Rejected refused by it for good.
	Sent, Rejected uint64
	// Overflowed did not fit into the queue while the collector was away, or could not
	// be written to it.
	Overflowed uint64
	// Left still wait in the queue.
	Left uint64
	// Retries counts the requests that were repeated.
	Retries uint64
}

// ErrAway says that a collector has not taken anything for too long.
var ErrAway = errors.New("the collector takes no records")

// Sender delivers records in their order, one request at a time, from a goroutine of its
// own.
type Sender struct {
	opt  Options
	more chan struct{} // something was appended
	room chan struct{} // something was removed
	done chan struct{}
	ctx  context.Context
	stop context.CancelFunc

	mu sync.Mutex
	// progress is when the collector last took something, or Start.
	progress time.Time
	stats    Stats
	// untold is the part of Overflowed that no record has said yet.
	untold uint64
	// refusedTold is how many were rejected when the user last heard of it.
	refusedTold uint64
	remark      string

	// closing is closed when no Put follows.
	closing chan struct{}
}

// Start begins to deliver what is in the queue.
func Start(opt Options) *Sender {
	opt.setDefaults()
	s := &Sender{
		opt: opt, more: make(chan struct{}, 1), room: make(chan struct{}, 1),
		done: make(chan struct{}), closing: make(chan struct{}), progress: time.Now(),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	go s.run()
	return s
}

// Put queues a record, which the sender keeps. It does not wait for the collector: what
// does not fit is dropped and counted, and a record that says how many goes before the
// next one that fits.
func (s *Sender) Put(record []byte) {
	if s.append(record) != nil {
		s.mu.Lock()
		s.stats.Overflowed++
		s.untold++
		s.mu.Unlock()
	}
}

// append queues a record behind that of what was dropped.
func (s *Sender) append(record []byte) error {
	if err := s.tellDropped(); err != nil {
		return err
	}
	if err := s.opt.Queue.Append(record); err != nil {
		return err
	}
	signal(s.more)
	return nil
}

func (s *Sender) tellDropped() error {
	s.mu.Lock()
	n := s.untold
	s.mu.Unlock()
	if n == 0 {
		return nil
	}
	if err := s.opt.Queue.Append(s.opt.Dropped(n)); err != nil {
		return err
	}
	s.mu.Lock()
	s.untold -= n
	s.mu.Unlock()
	signal(s.more)
	return nil
}

// PutWait queues a record, and waits for room. It fails with ErrAway if the collector has
// not taken anything for as long as patience.
func (s *Sender) PutWait(ctx context.Context, record []byte, patience time.Duration) error {
	for {
		err := s.append(record)
		if !errors.Is(err, spool.ErrFull) {
			return err
		}
		s.mu.Lock()
		left := time.Until(s.progress.Add(patience))
		s.mu.Unlock()
		if left <= 0 || len(record) > spool.MaxRecord {
			return ErrAway
		}
		timer := time.NewTimer(left)
		select {
		case <-s.room:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}

// Close delivers what is queued, until ctx ends or the collector has not taken anything
// for as long as patience from now on. It leaves the queue open. No Put may follow.
func (s *Sender) Close(ctx context.Context, patience time.Duration) Stats {
	_ = s.tellDropped() // else it is only counted
	s.mu.Lock()
	s.progress = time.Now()
	s.mu.Unlock()
	close(s.closing)
	s.await(ctx, patience)
	s.stop()
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Left = s.opt.Queue.Len()
	return s.stats
}

// await waits for the end of the deliveries.
func (s *Sender) await(ctx context.Context, patience time.Duration) {
	for {
		s.mu.Lock()
		left := time.Until(s.progress.Add(patience))
		s.mu.Unlock()
		if left <= 0 {
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-s.done:
			timer.Stop()
			return
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// signal wakes whoever waits, or will.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run delivers until it is to stop, or all is delivered and no more comes.
func (s *Sender) run() {
	defer close(s.done)
	away := &absence{sender: s}
	records := s.opt.Records
	for s.waitForRecords() {
		batch, err := s.opt.Queue.Peek(records, s.opt.Bytes)
		if err != nil || len(batch) == 0 {
			s.broken(err)
			return
		}
		answer := s.post(batch)
		if s.ctx.Err() != nil && answer.kind == retry {
			return // it was interrupted
		}
		switch answer.kind {
		case retry:
			away.failed(answer)
			if !s.sleep(away.pause(answer), answer.after == 0) {
				return
			}
			s.mu.Lock()
			s.stats.Retries++
			s.mu.Unlock()
			continue
		case tooLarge:
			if len(batch) > 1 {
				records = len(batch) / 2
				continue
			}
			answer = response{kind: refused, rejected: 1, text: answer.text}
		}
		away.over()
		if records = s.opt.Records; !s.settle(len(batch), answer) {
			return
		}
	}
}

// settle removes a batch that has an answer.
func (s *Sender) settle(n int, answer response) bool {
	rejected := min(answer.rejected, uint64(n))
	if answer.kind == refused {
		rejected = uint64(n)
	}
	err := s.opt.Queue.Ack(n)
	s.mu.Lock()
	s.stats.Rejected += rejected
	s.stats.Sent += uint64(n) - rejected
	s.progress = time.Now()
	s.mu.Unlock()
	s.tellRefused(rejected, answer.text)
	signal(s.room)
	if err != nil {
		s.broken(err)
		return false
	}
	return true
}

// tellRefused says that records were refused: at first, and whenever they are twice as
// many. To say each would be a flood in itself.
func (s *Sender) tellRefused(rejected uint64, text string) {
	switch total := s.stats.Rejected; {
	case rejected == 0 && text != "" && text != s.remark:
		s.remark = text
		s.warn("the collector says: " + text)
	case rejected > 0 && total >= 2*s.refusedTold:
		s.refusedTold = total
		s.warn(fmt.Sprintf("the collector refused %d records for good: %s", total, text))
	}
}

// broken ends the delivery because the queue can't be read.
func (s *Sender) broken(err error) {
	if err == nil {
		err = errors.New("it counts records and has none")
	}
	s.warn("the spool can't be read, and no more is sent: " + err.Error())
}

func (s *Sender) warn(sentence string) {
	if s.opt.Warn != nil {
		s.opt.Warn(sentence)
	}
}

// waitForRecords waits for some to send, and then a little for others. It returns false
// if none will come.
func (s *Sender) waitForRecords() bool {
	for {
		if s.ctx.Err() != nil {
			return false
		}
		closing := s.isClosing() // before it is counted, so that none is overlooked
		n := s.opt.Queue.Len()
		switch {
		case n >= uint64(s.opt.Records), n > 0 && closing:
			return true
		case n > 0:
			return s.linger()
		case closing:
			return false
		}
		select {
		case <-s.more:
		case <-s.closing:
		case <-s.ctx.Done():
		}
	}
}

func (s *Sender) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// linger waits until a batch is full, or for its time.
func (s *Sender) linger() bool {
	timer := time.NewTimer(s.opt.Linger)
	defer timer.Stop()
	for {
		if s.opt.Queue.Len() >= uint64(s.opt.Records) {
			return true
		}
		select {
		case <-s.closing:
			return true
		case <-s.more:
		case <-timer.C:
			if err := s.opt.Queue.Sync(); err != nil {
				s.warn("the spool may not outlive the machine: " + err.Error())
			}
			return true
		case <-s.ctx.Done():
			return false
		}
	}
}

// sleep waits, unless the sender is to stop. At the end it hurries, unless the collector
// itself has named the pause.
func (s *Sender) sleep(pause time.Duration, hurry bool) bool {
	closing := s.closing
	if hurry && s.isClosing() {
		pause = min(pause, s.opt.MinPause)
	}
	if !hurry || s.isClosing() {
		closing = nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-closing:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// absence is a time in which the collector takes nothing.
type absence struct {
	sender   *Sender
	failures int
	since    time.Time
}

// failed notes another request without success. The user hears of the first one.
func (a *absence) failed(answer response) {
	if a.failures == 0 {
		a.since = time.Now()
		a.sender.warn("the collector takes no records, which wait for it: " + answer.text)
	}
	a.failures++
}

// pause is how long to wait before the next request: twice as long each time, and at
// random, so that not all machines come at once.
func (a *absence) pause(answer response) time.Duration {
	opt := &a.sender.opt
	if answer.after > 0 {
		return min(answer.after, opt.MaxRetryAfter)
	}
	pause := opt.MaxPause
	if shift := a.failures - 1; shift < 20 {
		pause = min(pause, opt.MinPause<<shift)
	}
	return pause/2 + rand.N(pause/2+1)
}

// over ends an absence.
func (a *absence) over() {
	if a.failures > 0 {
		a.sender.warn(fmt.Sprintf("the collector is back after %s", time.Since(a.since).Round(time.Second)))
	}
	a.failures = 0
}
