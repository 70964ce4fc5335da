package systemd

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsblame/nsblame/internal/event"
)

// fakeAsker answers after a time, or not before the question is given up, or not
// even then.
type fakeAsker struct {
	after time.Duration
	deaf  bool // it does not even end with its context
	mu    sync.Mutex
	asked int
}

func (f *fakeAsker) unitThatRan(ctx context.Context, name string, _ *event.ManagerBoot) (event.UnitState, error) {
	f.mu.Lock()
	f.asked++
	f.mu.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errTime)
	defer cancel()
	if f.deaf {
		time.Sleep(f.after)
		return event.UnitState{}, context.Cause(ctx)
	}
	select {
	case <-time.After(f.after):
		return event.UnitState{Name: name}, nil
	case <-ctx.Done():
		return event.UnitState{}, context.Cause(ctx)
	}
}

func (f *fakeAsker) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// answers keeps what was answered, and when.
type answers struct {
	mu   sync.Mutex
	list []*event.Unit
	at   map[string]time.Time
}

func (a *answers) take(u *event.Unit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, u)
	if a.at == nil {
		a.at = make(map[string]time.Time)
	}
	a.at[fmt.Sprint(u.Question.UID, u.Question.Unit)] = time.Now()
}

func (a *answers) why() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	count := make(map[string]int)
	for _, u := range a.list {
		count[u.Why]++
	}
	return count
}

func ofUser(uid uint32, i int) event.Question {
	return event.Question{Manager: event.ManagerUser, UID: uid, Unit: fmt.Sprintf("u%d.service", i)}
}

// A user's manager that is stopped, slow, or hangs in the kernel holds up nobody
// else's answers, and its own questions are answered in bounded time.
func TestAManagerThatDoesNotAnswer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		asker *fakeAsker
		asked int // so many questions at most reach it within ten minutes
	}{
		{"stopped", &fakeAsker{after: forever}, 20},
		{"each time just in time", &fakeAsker{after: answerTimeout - time.Millisecond}, 70},
		{"hangs in the kernel", &fakeAsker{after: forever, deaf: true}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got answers
				a := NewAnswerer(got.take)
				a.client = func(to manager) asker {
					if to.uid == 1000 {
						return tt.asker
					}
					return &fakeAsker{after: time.Millisecond}
				}
				begun, asked := time.Now(), 0
				for ; time.Since(begun) < 10*time.Minute; time.Sleep(100 * time.Millisecond) {
					before := time.Now()
					a.Ask(ofUser(1000, asked))
					a.Ask(ofUser(1001, asked))
					a.Ask(event.Question{Manager: event.ManagerSystem, Unit: fmt.Sprintf("u%d.service", asked)})
					asked++
					if took := time.Since(before); took > 0 {
						t.Fatalf("the questions took %v", took)
					}
				}
				time.Sleep(time.Minute)
				checkHeldUp(t, &got, begun, asked)
				if n := tt.asker.count(); n > tt.asked {
					t.Errorf("it was asked %d times", n)
				}
				a.Close()
				time.Sleep(2 * forever) // what hangs returns
			})
		})
	}
}

const forever = 1000 * time.Hour

// checkHeldUp fails unless all were answered, the others at once.
func checkHeldUp(t *testing.T, got *answers, begun time.Time, asked int) {
	t.Helper()
	got.mu.Lock()
	defer got.mu.Unlock()
	if len(got.list) != 3*asked {
		t.Errorf("of %d questions, %d were answered", 3*asked, len(got.list))
	}
	for i := range asked {
		due := begun.Add(time.Duration(i) * 100 * time.Millisecond)
		for uid, most := range map[uint32]time.Duration{0: time.Second, 1001: time.Second, 1000: maxWait + answerTimeout + filesTimeout + time.Second} {
			if late := got.at[fmt.Sprint(uid, ofUser(uid, i).Unit)].Sub(due); late > most {
				t.Fatalf("user %d: question %d was answered after %v", uid, i, late)
			}
		}
	}
}

// A manager that answers again is asked again.
func TestAManagerThatAnswersAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got answers
		a := NewAnswerer(got.take)
		stopped := &switched{}
		a.client = func(manager) asker { return stopped }
		for i := range maxSilent {
			a.Ask(ofUser(1000, i))
			synctest.Wait()
			time.Sleep(answerTimeout + filesTimeout)
		}
		a.Ask(ofUser(1000, 10))
		synctest.Wait()
		if got.why()[errSilent.Error()] != 1 {
			t.Errorf("while it is silent: %v", got.why())
		}
		stopped.answers = true
		time.Sleep(firstPause)
		a.Ask(ofUser(1000, 11))
		synctest.Wait()
		if got.why()[""] != 1 {
			t.Errorf("later: %v", got.why())
		}
		a.Close()
	})
}

// switched is a manager that is stopped until it answers.
type switched struct{ answers bool }

func (s *switched) unitThatRan(ctx context.Context, name string, boot *event.ManagerBoot) (event.UnitState, error) {
	f := &fakeAsker{after: forever}
	if s.answers {
		f.after = 0
	}
	return f.unitThatRan(ctx, name, boot)
}

// The end of a trace waits for the system's manager for a while, for a user's
// next to nothing, and for what hangs not at all.
func TestTheEndDoesNotWaitForUsers(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind event.Manager
		fake *fakeAsker
		most time.Duration
		why  string
	}{
		{"no questions", event.ManagerSystem, nil, 0, ""},
		{"the system's, busy", event.ManagerSystem, &fakeAsker{after: 3 * time.Second}, 3 * time.Second, ""},
		{"the system's, stopped", event.ManagerSystem, &fakeAsker{after: forever}, 5 * time.Second, errEnded.Error()},
		{"a user's, stopped", event.ManagerUser, &fakeAsker{after: forever}, usersEnd, errEnded.Error()},
		{"a user's, hangs", event.ManagerUser, &fakeAsker{after: forever, deaf: true}, usersEnd + grace, errEnded.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got answers
				a := NewAnswerer(got.take)
				a.client = func(manager) asker { return tt.fake }
				if tt.fake != nil {
					for i := range maxOpen {
						q := ofUser(1000, i)
						q.Manager = tt.kind
						if tt.kind == event.ManagerSystem && i > 0 {
							break
						}
						a.Ask(q)
					}
				}
				synctest.Wait()
				begun := time.Now()
				a.Wait(5 * time.Second)
				a.Close()
				if took := time.Since(begun); took > tt.most {
					t.Errorf("the end took %v", took)
				}
				if why := got.why(); tt.fake != nil && why[tt.why]+why[errSilent.Error()] != len(got.list) {
					t.Errorf("answers: %v", got.why())
				}
				time.Sleep(2 * forever)
			})
		})
	}
}
