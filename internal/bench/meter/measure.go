package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// loop is a loop whose time is measured.
type loop struct {
	row string
	n   int
	do  func() error
	// parts is in how many of them it is timed, of which the fastest counts.
	parts int
}

// warm does it a few times, so that first reads are not measured.
func (l loop) warm() error { return repeat(min(3, l.n), l.do) }

// timed is the time of one turn in nanoseconds.
func (l loop) timed() (float64, error) {
	fastest := math.Inf(1)
	for part := range l.parts {
		if part > 0 {
			time.Sleep(50 * time.Millisecond) // the scheduler decides anew
		}
		n := max(1, l.n/l.parts)
		begin := time.Now()
		if err := repeat(n, l.do); err != nil {
			return 0, err
		}
		fastest = min(fastest, float64(time.Since(begin))/float64(n))
	}
	return fastest, nil
}

// starts measures how long a tracer takes to attach, and to end. The first
// start of each is not measured, because it reads files from the disk.
func (m *meter) starts() error {
	for round := range m.rounds + 1 {
		for _, t := range m.chosen(traced, plain, bpftraceCreations) {
			r, err := launch(t)
			if err != nil {
				return err
			}
			if err := r.stop(); err != nil {
				return err
			}
			say("%s: start %s, end %s, gone %s", t.name, r.start, r.end, r.gone)
			if round == 0 {
				continue
			}
			const ms = float64(time.Millisecond)
			err = errors.Join(
				m.sample("start", t.name, float64(r.start)/ms),
				m.sample("end", t.name, float64(r.end)/ms),
				m.sample("gone", t.name, float64(r.gone)/ms),
			)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// loops measures how much longer things take while something observes. The
// tracers take turns within each round.
func (m *meter) loops() error {
	return m.inTurn(m.chosen(untraced, traced, costed, bpftraceCreations, bpftraceExecs, bccExecs))
}

// audit is measured apart and last: once the kernel audits, it audits all that
// is started, even when auditing is turned off again.
func (m *meter) audit() error { return m.inTurn(m.chosen(auditd)) }

// pingpongParts is in how many parts messages to and fro are timed. Two processes that
// wake each other run in one of two ways. One takes 5 % longer, and a way mostly lasts for
// a second or so.
const pingpongParts = 10

func (m *meter) inTurn(tracers []*tracer) (err error) {
	p, err := newPingpong(filepath.Join(dir, "socket"), []byte{'p'})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	polling, end, err := m.pollLoops()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	// Namespaces last: they are torn down some time after the loop.
	return m.compare(tracers, append([]loop{
		{"pingpong", m.pingpongs, p.send, pingpongParts},
		{"exec", m.execs, func() error { return spawn("/bin/true") }, 1},
		{"create", m.creations, create, 1},
	}, polling...))
}

// compare runs loops beside tracers.
func (m *meter) compare(tracers []*tracer, loops []loop) error {
	// Once without measuring: the system is still starting.
	for _, l := range loops {
		if _, err := l.timed(); err != nil {
			return err
		}
	}
	// What fails once is left out from then on; the others continue.
	failed := make(map[*tracer]error)
	for range m.rounds {
		for _, t := range tracers {
			if failed[t] != nil {
				continue
			}
			if err := m.round(t, loops); err != nil {
				failed[t] = fmt.Errorf("%s: %w", t.name, err)
				say("%v", failed[t])
			}
		}
	}
	return errors.Join(slices.Collect(maps.Values(failed))...)
}

func (m *meter) round(t *tracer, loops []loop) error {
	r, err := launch(t)
	if err != nil {
		return err
	}
	for _, l := range loops {
		if !t.takes(l.row) {
			continue
		}
		if err := m.warm(r, l); err != nil {
			return errors.Join(err, r.stop())
		}
		ns, err := l.timed()
		if err != nil {
			return errors.Join(err, r.stop())
		}
		say("%s %q: %.0f ns", l.row, t.name, ns)
		if err := m.sample(l.row, t.name, ns); err != nil {
			return err
		}
	}
	err = r.stop()
	time.Sleep(2 * time.Second) // what was created is torn down
	return err
}

// warm does what happens only once beside a tracer, and waits until nsblame has
// finished it and its start. The first creations of a unit are measured:
// nsblame asks systemd about the unit, and that continues for a while after
// them.
func (m *meter) warm(r *running, l loop) error {
	if r.tracer != traced && r.tracer != costed {
		return l.warm()
	}
	before, errBefore := usedBy(r.pid(), 1)
	err := errors.Join(errBefore, l.warm(), quiet(r.pid()))
	after, errAfter := usedBy(r.pid(), 1)
	if err := errors.Join(err, errAfter); err != nil || l.row != "create" {
		return err
	}
	return m.sample("first", r.tracer.name, float64(after-before)/float64(time.Millisecond))
}

// usedBy is what processes have used of a CPU.
func usedBy(pids ...int) (sum time.Duration, err error) {
	for _, pid := range pids {
		u, err := used(pid)
		if err != nil {
			return 0, err
		}
		sum += u.cpu
	}
	return sum, nil
}

// programs measures the time of each BPF program, and the share that programs
// have of a creation.
func (m *meter) programs() error {
	r, err := launch(traced)
	if err != nil {
		return err
	}
	before, err := ownPrograms(r.pid())
	if err != nil {
		return errors.Join(err, r.stop())
	}
	stop, err := countRuns()
	if err != nil {
		return errors.Join(err, r.stop())
	}
	err = errors.Join(repeat(m.creations, create), repeat(m.execs, func() error { return spawn("/bin/true") }))
	after, errAfter := ownPrograms(r.pid())
	maps, errMaps := ownMaps(r.pid())
	memory, errMemory := resident(r.pid())
	if err := errors.Join(err, errAfter, errMaps, errMemory, stop(), r.stop()); err != nil {
		return err
	}
	within, err := m.sampleRuns(before, after)
	if err != nil {
		return err
	}
	for _, size := range maps {
		if err := m.sample("map", size.name, float64(size.bytes)/1024); err != nil {
			return err
		}
	}
	total, n, err := createTime(r.output())
	if err != nil {
		return err
	}
	say("%d creations, %s in copy_net_ns, %s in programs", n, total, within)
	return errors.Join(
		m.sample("kernel", traced.name, float64(within)/float64(total)),
		m.sample("memory", traced.name, memory),
	)
}

// polling measures what polls of engines cost beside nsblame: how much longer they take,
// how long programs run in a poll, and what nsblame itself does meanwhile.
func (m *meter) polling() (err error) {
	loops, end, err := m.pollLoops()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	if err := m.compare([]*tracer{untraced, traced}, loops); err != nil {
		return err
	}
	r, err := launch(traced)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	stop, err := countRuns()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, l := range loops {
		if err := m.pollCosts(r, l); err != nil {
			return err
		}
	}
	return nil
}

// pollLoops are the loops of clients that poll engines.
func (m *meter) pollLoops() (loops []loop, end func() error, err error) {
	var ends []func() error
	end = func() error {
		var errs []error
		for _, end := range ends {
			errs = append(errs, end())
		}
		return errors.Join(errs...)
	}
	for _, poll := range polls {
		p, err := newPingpong(poll.path, poll.message)
		if err != nil {
			return nil, nil, errors.Join(err, end())
		}
		ends = append(ends, p.close)
		loops = append(loops, loop{poll.row, m.pingpongs, p.send, pingpongParts})
	}
	return loops, end, nil
}

// pollCosts counts the time of programs, and of nsblame's user space, for one poll.
func (m *meter) pollCosts(r *running, l loop) error {
	if err := m.warm(r, l); err != nil {
		return err
	}
	before, err := ownPrograms(r.pid())
	usedBefore, errUsed := used(r.pid())
	if err := errors.Join(err, errUsed); err != nil {
		return err
	}
	if err := repeat(l.n, l.do); err != nil {
		return err
	}
	if err := quiet(r.pid()); err != nil { // what it does about them afterwards
		return err
	}
	after, err := ownPrograms(r.pid())
	usedAfter, errUsed := used(r.pid())
	if err := errors.Join(err, errUsed); err != nil {
		return err
	}
	var spent time.Duration
	var runs uint64
	for _, p := range ranBetween(before, after) {
		spent += p.spent
		runs += p.runs
	}
	say("%s: %d polls, %d runs of programs, %s in them, %s of CPU in user space", l.row, l.n, runs, spent, usedAfter.cpu-usedBefore.cpu)
	return errors.Join(
		m.sample(l.row+"-programs", r.tracer.name, float64(spent)/float64(l.n)),
		m.sample(l.row+"-cpu", r.tracer.name, float64(usedAfter.cpu-usedBefore.cpu)/float64(l.n)),
	)
}

// withinCreation are the programs that run while unshare or clone creates a
// namespace.
var withinCreation = []string{"unshare_", "create_", "conntrack_", "ipvs_"}

func (m *meter) sampleRuns(before, after []program) (within time.Duration, err error) {
	for _, p := range ranBetween(before, after) {
		if err := m.sample("program", p.name, float64(p.spent)/float64(p.runs)); err != nil {
			return 0, err
		}
		for _, prefix := range withinCreation {
			if strings.HasPrefix(p.name, prefix) {
				within += p.spent
			}
		}
	}
	return within, nil
}

// createTime adds up the times that nsblame reports for the creations.
func createTime(path string) (total time.Duration, n int, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(raw)) {
		var c struct {
			Type     string
			Duration time.Duration `json:"duration_ns"`
		}
		if json.Unmarshal([]byte(line), &c) == nil && c.Type == "netns_create" {
			total += c.Duration
			n++
		}
	}
	if n == 0 {
		return 0, 0, errors.New("nsblame has printed no creation")
	}
	return total, n, nil
}

// idle measures how often nsblame runs while nothing happens.
func (m *meter) idle() error {
	return m.during("wakeups", func() error { time.Sleep(10 * time.Second); return nil }, func(u usage) float64 { return float64(u.times) })
}

// storm measures the cost in user space of programs that create no namespace.
func (m *meter) storm() error {
	return m.during("storm", func() error {
		return paced(1000, m.seconds, func() error { return spawn("/bin/true") })
	}, m.share)
}

// share is that of a CPU over the time that paced work would take on a machine
// that is fast enough.
func (m *meter) share(u usage) float64 {
	return float64(u.cpu) / float64(time.Duration(m.seconds)*time.Second)
}

func (m *meter) during(row string, do func() error, figure func(usage) float64) error {
	r, err := launch(traced)
	if err != nil {
		return err
	}
	// what the start itself leaves to be done
	time.Sleep(2 * time.Second)
	before, err := used(r.pid())
	if err != nil {
		return errors.Join(err, r.stop())
	}
	begin := time.Now()
	err = do()
	took := time.Since(begin)
	after, errAfter := used(r.pid())
	if err := errors.Join(err, errAfter, r.stop()); err != nil {
		return err
	}
	u := usage{after.cpu - before.cpu, after.times - before.times}
	say("%s: %s of CPU, ran %d times, in %s", row, u.cpu, u.times, took)
	return m.sample(row, traced.name, figure(u))
}

// soakLoop makes an hour's worth of creations, and looks for anything that
// grows.
func (m *meter) soakLoop() error {
	r, err := launch(traced)
	if err != nil {
		return err
	}
	look := func() error {
		memory, err := resident(r.pid())
		if err != nil {
			return err
		}
		entries, err := ownEntries(r.pid())
		return errors.Join(err, m.sample("soak", traced.name, memory), m.sample("entries", traced.name, float64(entries)))
	}
	const parts = 4
	// the memory of the start is given back once the probes are attached
	err = errors.Join(quiet(r.pid()), look())
	for range parts {
		if err == nil {
			err = errors.Join(repeat(m.soak/parts, create), quiet(r.pid()), look())
		}
	}
	return errors.Join(err, r.stop())
}

// quiet waits until a process has nothing to do for some time. It hears of the
// last namespaces when they are torn down.
func quiet(pid int) error {
	var last usage
	same := 0
	return await("nsblame to have nothing to do", func() (bool, error) {
		now, err := used(pid)
		if now == last {
			same++
		} else {
			same = 0
		}
		last = now
		return same >= 10, err
	})
}

// losses has several loops create as fast as they can.
func (m *meter) losses() error {
	const loops = 8
	r, err := launch(traced)
	if err != nil {
		return err
	}
	begin := time.Now()
	want, err := createLoops(loops, m.loss/loops)
	took := time.Since(begin)
	if err := errors.Join(err, r.stop()); err != nil {
		return err
	}
	got, summary, err := attributed(r.output())
	if err != nil {
		return err
	}
	wrong := 0
	for pid, n := range want {
		wrong += max(n-got[pid], got[pid]-n)
	}
	say("%d loops, %v: off by %d; summary %+v", loops, took, wrong, summary)
	return errors.Join(m.sample("loss", traced.name, float64(wrong)), m.sample("seconds", traced.name, took.Seconds()))
}

// overflow stops nsblame until its buffer overflows. Then it measures how soon
// nsblame reports the loss, which must be exact.
func (m *meter) overflow() error {
	const creations = 60 // several times what such a small buffer holds
	r, err := launch(traced, "--buffer-size", "16K")
	if err != nil {
		return err
	}
	if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return errors.Join(err, r.stop())
	}
	err = repeat(creations, create)
	begin := time.Now()
	if err := errors.Join(err, r.cmd.Process.Signal(syscall.SIGCONT)); err != nil {
		return errors.Join(err, r.stop())
	}
	var told time.Duration
	err = awaitEvery(10*time.Millisecond, "nsblame to tell of the loss", func() (bool, error) {
		out, err := os.ReadFile(r.output())
		told = time.Since(begin)
		return strings.Contains(string(out), `"type":"loss"`), err
	})
	if err := errors.Join(err, r.stop()); err != nil {
		return err
	}
	_, summary, err := attributed(r.output())
	if err != nil {
		return err
	}
	lost := summary.LostByKind["creation"]
	say("overflow: %d created, summary %+v, told after %s", creations, summary, told)
	if lost == 0 || summary.Seen != creations || summary.Printed+lost != creations {
		return fmt.Errorf("%d were created, and the loss is not exact: %+v", creations, summary)
	}
	return m.sample("overflow", traced.name, told.Seconds())
}
