package busynode

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"io"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

// Plan says what happens on the node.
type Plan struct {
	// Failing counts the sandboxes of payments/ledger-0, none of which lives.
	Failing int
	// Jobs counts the sandboxes of the CronJob batch/report, JobPods its pods.
	Jobs, JobPods int
	// Web counts the sandboxes of the ReplicaSet web/web, WebPods its pods.
	Web, WebPods int
	// Commands counts runs of "ip netns add chk-…", each with another name.
	Commands int
	// Unasked counts namespaces that containerd makes though nobody was heard asking for
	// one.
	Unasked int
	// Revision is the pod-template-hash of the ReplicaSet's pods; empty for the usual one.
	Revision string
	// Open counts the sandboxes, among those of the ReplicaSet, that still exist at the
	// end.
	Open int
	// Span is how long it takes, in seconds.
	Span uint64
	// Lost counts the records of joins that are lost on the way.
	Lost uint64
	// Node is the name of the machine, Number makes its identity and its times differ
	// from those of others.
	Node   string
	Number int
}

// Busy is a day and four hours of a node with 97,719 creations.
func Busy() Plan {
	return Plan{Failing: 78_000, Jobs: 14_873, JobPods: 1954, Web: 4846, WebPods: 60, Span: 100_560, Node: "node1"}
}

// Quick is the same node for a hundredth of the time.
func Quick() Plan {
	return Plan{Failing: 780, Jobs: 149, JobPods: 20, Web: 48, WebPods: 6, Span: 1006, Node: "node1"}
}

// Of is the same mix with so many creations.
func Of(creations int) Plan {
	p := Plan{Failing: creations * 80 / 100, Jobs: creations * 15 / 100, JobPods: max(1, creations/50), WebPods: 60, Span: uint64(creations)*103/100 + 1, Node: "node1"}
	p.Web = creations - p.Failing - p.Jobs
	return p
}

// creations is how many there are in all.
func (p *Plan) creations() int { return p.Failing + p.Jobs + p.Web + p.Commands + p.Unasked }

const (
	ms     = uint64(1e6)
	second = 1000 * ms
	// began is when the recording begins, since boot: 1 h.
	began = 3600 * second
	// wall is CLOCK_REALTIME minus CLOCK_BOOTTIME: it begins 2026-11-23 16:00:00 UTC.
	wall = 1_795_449_600*int64(second) - int64(began)
)

// Write writes the recording of a plan.
func Write(w io.Writer, p Plan) error {
	rec, err := recording.NewWriter(w, recording.Options{Stream: [16]byte{1, byte(p.Number)}, Sync: [16]byte{2, byte(p.Number)}})
	if err != nil {
		return err
	}
	return errors.Join(Each(p, rec.Write), rec.Close())
}

// WriteWatched writes the recording of a plan, and shows each event to a watcher that
// passes it on.
func WriteWatched(w io.Writer, p Plan, watch func(node string, write func(event.Event) error) func(event.Event) error) error {
	rec, err := recording.NewWriter(w, recording.Options{Stream: [16]byte{1, byte(p.Number)}, Sync: [16]byte{2, byte(p.Number)}})
	if err != nil {
		return err
	}
	return errors.Join(Each(p, watch(p.Node, rec.Write)), rec.Close())
}

// Each calls f for every event of a plan. It stops at the first error, and returns it.
func Each(p Plan, f func(event.Event) error) error {
	n := &node{plan: p, see: f, now: began}
	n.open()
	n.schedule()
	for len(n.steps) > 0 && n.err == nil {
		s := heap.Pop(&n.steps).(step)
		n.now = max(n.now, s.at)
		s.do()
	}
	n.now = max(n.now, began+p.Span*second)
	if p.Lost > 0 {
		n.emit(&event.Loss{Kind: event.LossJoin, Count: p.Lost})
	}
	n.active(true)
	n.emit(&event.End{Seen: uint64(p.creations())})
	return n.err
}

// node is the machine.
type node struct {
	plan   Plan
	see    func(event.Event) error
	err    error
	now    uint64
	steps  steps
	order  uint64 // of the steps that were planned
	serial uint64
	pid    uint32
	cgroup event.CgroupID
}

// step is something that happens at a time; of several, the one planned first does.
type step struct {
	at, order uint64
	do        func()
}

type steps []step

func (s steps) Len() int      { return len(s) }
func (s steps) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s steps) Less(i, j int) bool {
	return s[i].at < s[j].at || s[i].at == s[j].at && s[i].order < s[j].order
}
func (s *steps) Push(x any) { *s = append(*s, x.(step)) }
func (s *steps) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

func (n *node) emit(b event.Body) {
	if n.err == nil {
		n.err = n.see(event.Event{BootNS: n.now, Body: b})
	}
	n.now += 1000
}

// later has something happen after so many nanoseconds.
func (n *node) later(ns uint64, do func()) {
	n.order++
	heap.Push(&n.steps, step{n.now + ns, n.order, do})
}

// every has something happen so many times, evenly over the time of the plan.
func (n *node) every(times int, do func(i int)) {
	if times == 0 {
		return
	}
	pause := n.plan.Span * second / uint64(times)
	var turn func(i int)
	turn = func(i int) {
		if i+1 < times {
			n.later(pause, func() { turn(i + 1) })
		}
		do(i)
	}
	n.later(pause/2, func() { turn(0) })
}

// schedule plans the creations.
func (n *node) schedule() {
	p := n.plan
	n.every(p.Failing, func(i int) { n.sandbox(ledger(), uint32(i), outcomeFails) })
	n.every(p.Jobs, func(i int) {
		pod := i * p.JobPods / p.Jobs
		first := (pod*p.Jobs + p.JobPods - 1) / p.JobPods
		n.sandbox(job(pod), uint32(i-first), outcomeRuns)
	})
	n.every(p.Web, func(i int) {
		end := outcomeRuns
		if i >= p.Web-p.Open {
			end = outcomeStays
		}
		n.sandbox(web(i%p.WebPods, p.Revision), uint32(i/p.WebPods), end)
	})
	n.every(p.Commands, n.command)
	n.every(p.Unasked, n.unasked)
}

// mixed is a number that looks random and is not.
func mixed(n uint64) uint64 {
	n = (n + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	return n ^ n>>29
}

// suffix is what the API server puts behind a generated name.
func suffix(n uint64) string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	var out [5]byte
	for i, m := 0, mixed(n); i < len(out); i++ {
		out[i] = letters[m%uint64(len(letters))]
		m /= uint64(len(letters))
	}
	return string(out[:])
}

func uid(kind, n int) string {
	return fmt.Sprintf("%08x-1b2c-4d5e-8f90-%012x", mixed(uint64(kind))>>32, n)
}

// pod is a pod as the kubelet asks for it.
type pod struct {
	namespace, name, uid string
	labels               []event.Label
}

func ledger() pod {
	return pod{"payments", "ledger-0", uid(1, 0), []event.Label{
		{Key: "app", Value: "ledger"}, {Key: "controller-revision-hash", Value: "ledger-6d8f7c9b5"}, {Key: "statefulset.kubernetes.io/pod-name", Value: "ledger-0"},
	}}
}

func job(n int) pod {
	name := fmt.Sprintf("report-%d", 29_924_160+n)
	return pod{"batch", name + "-" + suffix(uint64(n)), uid(2, n), []event.Label{{Key: "batch.kubernetes.io/job-name", Value: name}}}
}

func web(n int, revision string) pod {
	revision = cmp.Or(revision, "5d9c7b8f4d")
	return pod{"web", "web-" + suffix(uint64(n)+1<<32), uid(3, n), []event.Label{{Key: "app", Value: "web"}, {Key: "pod-template-hash", Value: revision}}}
}
