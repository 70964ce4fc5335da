package vmtest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// Task is a VM that waits for its turn.
type Task struct {
	takes time.Duration // about
	do    func(context.Context)
}

// runQueue carries out tasks, so many at a time. Those that take longest come
// first, so that none is left when the others are done.
func runQueue(ctx context.Context, vms int, tasks []Task) {
	slices.SortStableFunc(tasks, func(a, b Task) int { return int(b.takes - a.takes) })
	atOnce(vms, len(tasks), func(i int) { tasks[i].do(ctx) })
}

// atOnce calls do for 0 to n-1, of which so many at the same time.
func atOnce(limit, n int, do func(int)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, limit)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	all.Wait()
}

// How long things take in an emulated guest, about.
const (
	bootTakes   = 30 * time.Second
	aloneTakes  = 8 * time.Second
	sharedTakes = 4 * time.Second
)

// takes is how long a scenario takes, about.
func takes(s *scenario.Scenario) time.Duration {
	switch {
	case s.Takes > 0:
		return s.Takes
	case s.Shares():
		return sharedTakes
	}
	return aloneTakes
}

// takes is how long the VM of the group is up, about.
func (g group) takes() time.Duration {
	sum := bootTakes
	for _, s := range g.scenarios {
		sum += takes(s)
	}
	return sum
}

// repeats is how often a scenario is begun on a release, about: the kernel of sid leaves out
// runs of probes, as preemptible ones do.
func repeats(release string) int {
	if release == "sid" {
		return 2
	}
	return 1
}

// worthBooting is how many scenarios a VM should have to run, where there is a
// choice: fewer, and it is up for less time than it takes to boot.
const worthBooting = 12

// split divides the scenarios of each boot over so many VMs at most, with as
// little booting as possible. The parts of a boot take equally long.
func split(groups []group, vms int) []group {
	var parts []group
	for _, g := range groups {
		n := min(vms, len(g.scenarios)/worthBooting)
		if n < 1 || g.boot.Nsblame {
			n = 1 // what the boot has started is one scenario's
		}
		parts = append(parts, g.split(n)...)
	}
	return parts
}

// split gives each scenario to the part that has least to do, those that take
// longest first. Within a part they keep their order.
func (g group) split(n int) []group {
	part := make(map[*scenario.Scenario]int)
	sums := make([]time.Duration, n)
	longest := slices.Clone(g.scenarios)
	slices.SortStableFunc(longest, func(a, b *scenario.Scenario) int { return int(takes(b) - takes(a)) })
	for _, s := range longest {
		least := slices.Index(sums, slices.Min(sums))
		part[s] = least
		sums[least] += takes(s)
	}
	parts := make([]group, n)
	for i := range parts {
		parts[i] = group{boot: g.boot, cpus: g.cpus}
	}
	for _, s := range g.scenarios {
		p := &parts[part[s]]
		p.scenarios = append(p.scenarios, s)
	}
	return parts
}
