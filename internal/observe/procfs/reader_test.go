package procfs

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsblame/nsblame/internal/event"
)

// proc is a /proc whose processes take their time.
type proc struct {
	takes map[uint32]time.Duration // not there: none
	users map[uint32]uint32
	reads atomic.Int64
}

// forever is longer than any test waits.
const forever = 1000 * time.Hour

func (p *proc) reader(patience Patience) *Reader {
	return &Reader{
		program: func(id event.ProcessID) (event.Program, error) {
			p.reads.Add(1)
			time.Sleep(p.takes[id.PID]) // virtual: see synctest
			return event.Program{ID: event.ProgramID{Process: id}}, nil
		},
		user:     func(pid uint32) (uint32, error) { return p.users[pid], nil },
		now:      time.Now,
		patience: patience,
		users:    make(map[uint32]*account),
	}
}

func pids(from, until uint32) (list []event.ProcessID) {
	for pid := from; pid <= until; pid++ {
		list = append(list, event.ProcessID{PID: pid})
	}
	return list
}

// read returns which pids were read and which were given up.
func read(t *testing.T, r *Reader, list []event.ProcessID) (was, not []uint32) {
	t.Helper()
	r.Programs(list, func(i int, prog event.Program, err error) {
		switch {
		case errors.Is(err, ErrGivenUp):
			not = append(not, list[i].PID)
		case err != nil || prog.ID.Process != list[i]:
			t.Errorf("process %d: %+v, %v", list[i].PID, prog, err)
		default:
			was = append(was, list[i].PID)
		}
	})
	if len(was)+len(not) != len(list) {
		t.Errorf("%d of %d have a result", len(was)+len(not), len(list))
	}
	return was, not
}

// A process whose files hang costs its own command line, and a bounded time.
func TestAProcessThatHangsHoldsNobodyUp(t *testing.T) {
	for _, tt := range []struct {
		name     string
		patience Patience
		hang     int // so many of user 1000's processes hang, among 200 of his
		most     time.Duration
	}{
		{"one at the start", Patient, 1, 500 * time.Millisecond},
		{"all of a user at the start", Patient, 200, 2 * time.Second},
		{"one within the stream", Impatient, 1, 50 * time.Millisecond},
		{"all of a user within the stream", Impatient, 200, 500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &proc{takes: make(map[uint32]time.Duration), users: make(map[uint32]uint32)}
				for pid := uint32(1); pid <= 200; pid++ {
					p.users[pid] = 1000
					if int(pid) <= tt.hang {
						p.takes[pid] = time.Hour
					}
				}
				begun := time.Now()
				was, not := read(t, p.reader(tt.patience), append(pids(1, 200), pids(201, 400)...))
				if took := time.Since(begun); took > tt.most {
					t.Errorf("it took %v", took)
				}
				if len(was) < 200 || was[len(was)-1] != 400 {
					t.Errorf("the other user's were not read: %d were", len(was))
				}
				if tt.hang == 1 && (len(not) != 1 || not[0] != 1) {
					t.Errorf("given up: %v", not)
				}
				time.Sleep(forever) // the threads return
			})
		})
	}
}

// Whoever is slow rather than stuck is charged for it, too: within the stream no
// more than a part of the time goes to him.
func TestAUserIsChargedForSlowReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proc{takes: map[uint32]time.Duration{1: Impatient.Each - time.Millisecond}, users: map[uint32]uint32{1: 1000}}
		r := p.reader(Impatient)
		begun, lost := time.Now(), time.Duration(0)
		for time.Since(begun) < time.Minute {
			before := time.Now()
			read(t, r, pids(1, 1))
			lost += time.Since(before)
			if was, _ := read(t, r, pids(2, 2)); len(was) != 1 {
				t.Fatal("another user's was not read")
			}
			time.Sleep(time.Millisecond)
		}
		if most := Impatient.User + Impatient.Each + time.Minute/Impatient.Refill; lost > most {
			t.Errorf("of a minute, %v were lost on one user", lost)
		}
	})
}

// Threads that hang are bounded, and are free again when they return.
func TestHangingReadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proc{takes: make(map[uint32]time.Duration), users: make(map[uint32]uint32)}
		for pid := uint32(1); pid <= 500; pid++ {
			p.takes[pid], p.users[pid] = time.Hour, pid/10
		}
		r := p.reader(Patience{Each: time.Millisecond, Slow: time.Millisecond, User: time.Hour, All: time.Hour})
		if was, _ := read(t, r, pids(1, 500)); len(was) > 0 || p.reads.Load() != maxStuck {
			t.Errorf("%d were read, %d hang", len(was), p.reads.Load())
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait() // they have returned, and what they read is ours to change
		p.takes = nil
		if was, not := read(t, r, pids(1, 500)); len(was) != 500 {
			t.Errorf("later: %d were read, %d given up", len(was), len(not))
		}
		synctest.Wait()
		if r.all.stuck != 0 || len(r.users) > maxUsers {
			t.Errorf("%d hang, %d users", r.all.stuck, len(r.users))
		}
	})
}
