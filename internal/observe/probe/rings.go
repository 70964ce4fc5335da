package probe

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// recordRing is a ring buffer that records are read from.
type recordRing interface {
	// next returns the next record, or false if there is none yet. It never waits.
	// The record is valid until the next call.
	next() ([]byte, bool, error)
}

// mappedRing is a ring buffer of the kernel.
type mappedRing struct {
	reader *ringbuf.Reader
	record ringbuf.Record
}

func (r *mappedRing) next() ([]byte, bool, error) {
	if r.reader.AvailableBytes() == 0 {
		return nil, false, nil
	}
	err := r.reader.ReadInto(&r.record)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, false, nil // there was nothing but what its program discarded
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the ring buffer: %w", err)
	}
	return r.record.RawSample, true, nil
}

// rings are the ring buffers of a collection, and what waits for them.
type rings struct {
	story, bus, alarms *mappedRing
	// any wakes for whatever the BPF programs want to be read at once. full wakes if a
	// ring is more than half full. Both wake for wake.
	any, full int
	// mu guards event, an eventfd, -1 once it is closed.
	mu    sync.Mutex
	event int
}

// openRings maps the ring buffers. Close ends the use of what it returns.
func (coll *collection) openRings() (_ *rings, err error) {
	r := &rings{any: -1, full: -1, event: -1}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open the ring buffers: %w", err), r.Close())
		}
	}()
	for name, ring := range map[string]**mappedRing{
		bpfMapStoryRecords: &r.story, bpfMapBusRecords: &r.bus, bpfMapAlarms: &r.alarms,
	} {
		reader, err := ringbuf.NewReader(coll.maps[name])
		if err != nil {
			return r, err
		}
		reader.SetDeadline(time.Unix(1, 0)) // long past: it never waits
		*ring = &mappedRing{reader: reader}
	}
	if r.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return r, err
	}
	alarms := coll.maps[bpfMapAlarms].FD()
	if r.any, err = waitFor(r.event, alarms, coll.maps[bpfMapStoryRecords].FD(), coll.maps[bpfMapBusRecords].FD()); err != nil {
		return r, err
	}
	r.full, err = waitFor(r.event, alarms)
	return r, err
}

// waitFor makes an epoll instance for what may be read of files.
func waitFor(fds ...int) (int, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, err
	}
	for _, fd := range fds {
		err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
		if err != nil {
			return -1, errors.Join(err, unix.Close(poll))
		}
	}
	return poll, nil
}

// empty reports whether nothing is in the rings. What is being written counts as there.
func (r *rings) empty() bool {
	return r.story.reader.AvailableBytes() == 0 && r.bus.reader.AvailableBytes() == 0
}

// wait waits until there is something to do, or a time. Zero stands for no time. It
// reports whether wake was called.
func (r *rings) wait(until time.Time) (woken bool, err error) { return r.poll(r.any, until) }

// waitUntilFull waits until a ring is half full, or a time, likewise.
func (r *rings) waitUntilFull(until time.Time) (woken bool, err error) { return r.poll(r.full, until) }

func (r *rings) poll(poll int, until time.Time) (woken bool, err error) {
	var events [4]unix.EpollEvent
	for {
		timeout := -1
		if !until.IsZero() {
			timeout = int(max(0, time.Until(until).Milliseconds()))
		}
		n, err := unix.EpollWait(poll, events[:], timeout)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("wait for the ring buffers: %w", err)
		}
		woken = slices.ContainsFunc(events[:n], func(e unix.EpollEvent) bool { return int(e.Fd) == r.event })
		if woken {
			r.calm()
		}
		return woken, r.endAlarm()
	}
}

// endAlarm has the next ring that is half full raise the alarm again.
func (r *rings) endAlarm() error {
	for {
		_, more, err := r.alarms.next()
		if err != nil || !more {
			return err
		}
	}
}

// wake ends a wait: this one, or else the next one. It may be called from any goroutine.
func (r *rings) wake() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.event < 0 {
		return os.ErrClosed
	}
	_, err := unix.Write(r.event, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	if err != nil && !errors.Is(err, unix.EAGAIN) { // it is awake already
		return fmt.Errorf("wake the reader of the ring buffers: %w", err)
	}
	return nil
}

// calm ends what wake has begun.
func (r *rings) calm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var count [8]byte
	_, _ = unix.Read(r.event, count[:])
}

// Close frees them. What wakes a wait must have ended.
func (r *rings) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, fd := range []int{r.any, r.full, r.event} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	r.any, r.full, r.event = -1, -1, -1
	for _, ring := range []*mappedRing{r.story, r.bus, r.alarms} {
		if ring != nil {
			errs = append(errs, ring.reader.Close())
		}
	}
	return errors.Join(errs...)
}
