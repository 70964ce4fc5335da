package procfs

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
)

// ErrGivenUp is returned for a process whose files could not be read in time. It
// is also returned without a look if its user has used up the time for that.
var ErrGivenUp = errors.New("reading /proc takes too long")

// Patience says how long a Reader waits, and how much time it may lose on a user.
type Patience struct {
	// Each bounds the wait for one process. Its files take microseconds, and on
	// an overloaded machine milliseconds.
	Each time.Duration
	// Slow is from which time on a read is charged to the process's user.
	Slow time.Duration
	// User is how much may be charged to one user, All to all users together.
	User, All time.Duration
	// Refill gives back one part in so many of the time that passes, 0 for none.
	Refill time.Duration
}

var (
	// Patient is for the many reads of a start, which nothing waits behind.
	Patient = Patience{Each: 250 * time.Millisecond, Slow: 50 * time.Millisecond, User: time.Second, All: 4 * time.Second}
	// Impatient is for reads within a stream: what they lose is a twentieth of
	// the time at most.
	Impatient = Patience{Each: 25 * time.Millisecond, Slow: 5 * time.Millisecond, User: 250 * time.Millisecond, All: time.Second, Refill: 20}
)

const (
	// maxStuck bounds the reads that were given up and have not returned. Each
	// has a thread. maxStuckOfUser bounds those of one user.
	maxStuck       = 32
	maxStuckOfUser = 4
	// maxUsers bounds the users whose accounts are kept.
	maxUsers = 1024
)

// Reader reads programs on a goroutine of its own, so that a process whose files
// hang holds nobody up. The kernel has a reader of a command line wait while the
// process's memory map is locked (mmap_lock), and a process can have that take
// as long as it likes. What is lost on its user is bounded.
//
// Its methods may be called by one goroutine at a time.
type Reader struct {
	program  func(event.ProcessID) (event.Program, error)
	user     func(pid uint32) (uint32, error)
	now      func() time.Time
	patience Patience

	mu    sync.Mutex
	users map[uint32]*account
	all   account
}

// account is what was lost on somebody: time, and threads that hang.
type account struct {
	lost  time.Duration
	at    time.Time
	stuck int
}

// NewReader returns one that reads below f.
func NewReader(f FS, patience Patience) *Reader {
	return &Reader{program: f.Program, user: f.owner, now: time.Now, patience: patience, users: make(map[uint32]*account)}
}

// owner is the effective user of a process. The directory has it whatever the
// process makes of itself (fs/proc/base.c, task_dump_owner).
func (f FS) owner(pid uint32) (uint32, error) {
	var st unix.Stat_t
	if err := unix.Stat(f.path(pid, ""), &st); err != nil {
		return 0, gone(err)
	}
	return st.Uid, nil
}

// Program is FS.Program with an end in time. It can also return ErrGivenUp.
func (r *Reader) Program(id event.ProcessID) (prog event.Program, err error) {
	r.Programs([]event.ProcessID{id}, func(_ int, p event.Program, e error) { prog, err = p, e })
	return prog, err
}

// Programs reads one after the other, and then calls each for every one, in
// order.
func (r *Reader) Programs(ids []event.ProcessID, each func(i int, prog event.Program, err error)) {
	for next := 0; next < len(ids); {
		w := &worker{reader: r, ids: ids[next:], done: make(chan struct{})}
		go w.run()
		for _, res := range w.await(r.patience.Each) {
			each(next, res.prog, res.err)
			next++
		}
	}
}

// worker reads until it is done or given up.
type worker struct {
	reader *Reader
	ids    []event.ProcessID
	done   chan struct{}

	mu      sync.Mutex
	results []result
	// givenUp is set once nobody waits for it; hangs is whom that is charged to.
	givenUp bool
	hangs   *account
}

type result struct {
	prog event.Program
	err  error
}

func (w *worker) run() {
	defer close(w.done)
	for _, id := range w.ids {
		if !w.one(id) {
			return
		}
	}
}

// one reads one, and reports whether the worker goes on.
func (w *worker) one(id event.ProcessID) bool {
	r := w.reader
	if r.refuses(id.PID) {
		return w.add(id, result{err: givenUp(id)}, 0)
	}
	begun := r.now()
	prog, err := r.program(id)
	return w.add(id, result{prog, err}, r.now().Sub(begun))
}

func givenUp(id event.ProcessID) error { return fmt.Errorf("process %d: %w", id.PID, ErrGivenUp) }

// add keeps a result, unless nobody waits for it any longer.
func (w *worker) add(id event.ProcessID, res result, took time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.givenUp {
		w.reader.returned(w.hangs)
		return false
	}
	if took >= w.reader.patience.Slow {
		w.reader.charge(id.PID, took, 0)
	}
	w.results = append(w.results, res)
	return true
}

// await returns what was read, once that is all, or once the worker hangs. Then
// the process at which it does is the last.
func (w *worker) await(limit time.Duration) []result {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for seen := 0; ; timer.Reset(limit) {
		select {
		case <-w.done:
			return w.results
		case <-timer.C:
		}
		if w.hangsSince(&seen, limit) {
			return w.results
		}
	}
}

// hangsSince gives the worker up if it has not come further than seen.
func (w *worker) hangsSince(seen *int, limit time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.results) > *seen || len(w.results) == len(w.ids) {
		*seen = len(w.results)
		return false
	}
	id := w.ids[len(w.results)]
	w.givenUp, w.hangs = true, w.reader.charge(id.PID, limit, 1)
	w.results = append(w.results, result{err: givenUp(id)})
	return true
}

// refuses reports whether a process is not to be looked at.
func (r *Reader) refuses(pid uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.users) == 0 {
		return false // nobody was ever slow
	}
	r.refill(&r.all)
	if r.all.lost > r.patience.All || r.all.stuck >= maxStuck {
		return true
	}
	user, err := r.user(pid)
	if err != nil {
		return false // it has ended
	}
	a := r.users[user]
	if a == nil {
		return false
	}
	if r.refill(a); a.lost == 0 && a.stuck == 0 {
		delete(r.users, user)
		return false
	}
	return a.lost > r.patience.User || a.stuck >= maxStuckOfUser
}

// charge puts a loss onto the account of a process's user.
func (r *Reader) charge(pid uint32, lost time.Duration, stuck int) *account {
	r.mu.Lock()
	defer r.mu.Unlock()
	user, _ := r.user(pid) // root's, if it has ended
	a := r.users[user]
	if a == nil {
		a = &account{at: r.now()}
		if len(r.users) < maxUsers {
			r.users[user] = a
		}
	}
	for _, a := range []*account{a, &r.all} {
		r.refill(a)
		a.lost += lost
		a.stuck += stuck
	}
	return a
}

// returned takes back that a read hangs.
func (r *Reader) returned(a *account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.stuck--
	r.all.stuck--
}

// refill gives back what came with the time.
func (r *Reader) refill(a *account) {
	now := r.now()
	if r.patience.Refill > 0 {
		a.lost = max(0, a.lost-now.Sub(a.at)/r.patience.Refill)
	}
	a.at = now
}
