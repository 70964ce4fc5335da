package blame

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
)

// questions are those to the managers, with their answers.
type questions struct {
	answers *bounded.Store[event.Question, answer]
	// asked are the questions that were put.
	asked *bounded.Store[event.Question, bool]
	// missing is what the present try asked in vain.
	missing missing
	// asks are the questions that nobody has put yet.
	asks []event.Question
	// renewed is the time because of which a question was last asked again.
	renewed *bounded.Store[event.Question, uint64]
	// noMoreAnswers is set once none will come.
	noMoreAnswers bool
	// lag is the time that the machine had been suspended for by the latest answer, and
	// lagSince when that was first so.
	lag, lagSince uint64
	// answered is when the latest answer came. slept takes in a suspend between two.
	answered uint64
	slept    func(d, from, until uint64)
}

// answer is what a manager says of a unit.
type answer struct {
	*event.Unit
	// at is when it was given.
	at uint64
	// missing is set if the stream ended before it was given.
	missing bool
	// since is from when on the machine was not suspended until the answer was given,
	// 0 if it never was.
	since uint64
}

func newQuestions(slept func(d, from, until uint64)) questions {
	q := questions{
		slept:   slept,
		answers: bounded.NewStore[event.Question, answer](answerBudget),
		asked:   bounded.NewStore[event.Question, bool](askedBudget),
		renewed: bounded.NewStore[event.Question, uint64](askedBudget),
	}
	// whoever needs it again asks again
	q.answers.Drop = func(question event.Question, _ answer) { q.asked.Delete(question) }
	return q
}

// known reports whether the manager knows the unit.
func (a *answer) known() bool { return a.Unit != nil && !a.missing && a.Why == "" }

// sinceBoot is a time of the manager's clock in nanoseconds since boot, 0 where it
// is not known. That clock stands still while the machine is suspended, so a time from
// before a suspend would come out too late.
func (a *answer) sinceBoot(us uint64) uint64 {
	if !a.known() || us == 0 {
		return 0
	}
	if at := us*1000 + a.MonotonicLagNS; at >= a.since {
		return at
	}
	return 0
}

// atMost is a time of the manager's clock in nanoseconds since boot, or a later one if the
// machine was suspended since, 0 if there is none.
func (a *answer) atMost(us uint64) uint64 {
	if !a.known() || us == 0 {
		return 0
	}
	return us*1000 + a.MonotonicLagNS
}

// begun is when the run that the answer is about began, 0 where that is not known.
func (a *answer) begun() uint64 { return a.sinceBoot(a.Unit.Unit.InactiveExitUS) }

// maxLagJitterNS is how far two answers may differ in how long the machine was suspended
// if it was not suspended between them: two clocks are read for that.
const maxLagJitterNS = 1e6

// put takes an answer in.
func (q *questions) put(at uint64, u *event.Unit) {
	if u.MonotonicLagNS > q.lag+maxLagJitterNS || u.MonotonicLagNS+maxLagJitterNS < q.lag {
		if u.MonotonicLagNS > q.lag {
			q.slept(u.MonotonicLagNS-q.lag, q.answered, at)
		}
		q.lag, q.lagSince = u.MonotonicLagNS, at
	}
	q.answered = at
	q.answers.Put(u.Question, answer{Unit: u, at: at, since: q.lagSince}, share(u.Question), UnitSize(u))
}

// answer returns the answer to a question, or asks it.
func (q *questions) answer(question event.Question) (answer, bool) {
	if a, ok := q.answers.Use(question); ok {
		return a, true
	}
	if q.noMoreAnswers {
		return answer{Unit: &event.Unit{Question: question}, missing: true}, true
	}
	if !q.missing.note(question) {
		return answer{}, false
	}
	if _, ok := q.asked.Get(question); !ok {
		q.asked.Put(question, true, share(question), sizeOfQuestion(question))
		q.asks = append(q.asks, question)
	}
	return answer{}, false
}

// upToDate reports whether the answer to a question is from after a time. If not,
// the question is put again, once for each time.
func (q *questions) upToDate(question event.Question, at uint64) bool {
	if a, ok := q.answers.Get(question); q.noMoreAnswers || ok && a.at >= at {
		return true
	}
	if !q.missing.note(question) {
		return false
	}
	if renewed, _ := q.renewed.Get(question); renewed < at {
		q.renewed.Put(question, at, share(question), sizeOfQuestion(question))
		q.asks = append(q.asks, question)
	}
	return false
}

// take returns the questions that came up since the last call.
func (q *questions) take() []event.Question {
	asks := q.asks
	q.asks = nil
	return asks
}

// giveUp takes all questions for unanswered that are open, or will be.
func (q *questions) giveUp() { q.asks, q.noMoreAnswers = nil, true }
