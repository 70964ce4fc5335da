package vmtest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

func TestSplit(t *testing.T) {
	many := func(boot string, n int, takes ...time.Duration) group {
		b, err := FindBoot(boot)
		if err != nil {
			t.Fatal(err)
		}
		g := group{boot: b}
		for i := range n {
			s := &scenario.Scenario{Name: strconv.Itoa(i), Args: scenario.DefaultArgs()}
			if i < len(takes) {
				s.Takes = takes[i]
			}
			g.scenarios = append(g.scenarios, s)
		}
		return g
	}
	for _, tc := range []struct {
		name string
		from []group
		vms  int
		want []string
	}{
		{"one VM", []group{many("plain", 100)}, 1, []string{"plain 100"}},
		{"an odd number", []group{many("plain", 101), many("legacy", 3)}, 2, []string{"plain 51", "plain 50", "legacy 3"}},
		{"few are not worth it", []group{many("plain", worthBooting*2-1)}, 2, []string{"plain 23"}},
		{"nor are some for each of many", []group{many("plain", 30)}, 4, []string{"plain 15", "plain 15"}},
		{"nsblame at boot", []group{many("early", 40)}, 2, []string{"early 40"}},
		{"two that take long", []group{many("plain", 30, time.Hour, time.Hour)}, 2, []string{"plain 15", "plain 15"}},
		{"one as long as all others", []group{many("plain", 30, 29*sharedTakes)}, 2, []string{"plain 1", "plain 29"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			before, after := 0, map[*scenario.Scenario]bool{}
			for _, g := range tc.from {
				before += len(g.scenarios)
			}
			for _, g := range split(tc.from, tc.vms) {
				got = append(got, fmt.Sprint(g.boot.Name, " ", len(g.scenarios)))
				for _, s := range g.scenarios {
					after[s] = true
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if len(after) != before {
				t.Errorf("%d scenarios became %d", before, len(after))
			}
		})
	}
}

func TestQueue(t *testing.T) {
	var order []time.Duration
	var tasks []Task
	for _, takes := range []time.Duration{2, 3, 1} {
		tasks = append(tasks, Task{takes, func(context.Context) { order = append(order, takes) }})
	}
	runQueue(t.Context(), 1, tasks)
	if !slices.Equal(order, []time.Duration{3, 2, 1}) {
		t.Error(order)
	}
}
