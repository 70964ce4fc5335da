package engine

import (
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Of several values in a field one must match, of several fields each. A value by
// itself is held against a creation alone.
func TestFilterItems(t *testing.T) {
	k := &finding.Attribution{
		Creation:  &lineage.Creation{Process: lineage.Process{Comm: "containerd", UID: 0}},
		Placement: cgroup.Parse("/system.slice/containerd.service"),
		For:       &finding.For{Pod: &finding.Pod{Namespace: "shop", Name: "web-1", Workload: &finding.Workload{Kind: "Job", Name: "web"}}},
	}
	for name, tc := range map[string]struct {
		filter    Filter
		match     bool
		unmatched string
	}{
		"all":            {Filter{}, true, ""},
		"one of two":     {Filter{Pods: []string{"db", "shop/web-*"}}, true, "pod db"},
		"two fields":     {Filter{Pods: []string{"web-1"}, Units: []string{"containerd.*"}}, true, ""},
		"one of them no": {Filter{Pods: []string{"web-1"}, Units: []string{"docker.*"}}, false, "unit docker.*"},
		"workload":       {Filter{Workloads: []string{"job/web"}, UIDs: []uint32{0, 5}}, true, "uid 5"},
		"container":      {Filter{Containers: []string{"web-1"}, Comms: []string{"c*"}}, false, "container web-1"},
	} {
		if got := tc.filter.Match(k); got != tc.match {
			t.Errorf("%s: %v", name, got)
		}
		var list []string
		for _, i := range tc.filter.Items() {
			if !i.Match(k) {
				list = append(list, i.Flag+" "+i.Value)
			}
		}
		if got := strings.Join(list, ", "); got != tc.unmatched {
			t.Errorf("%s: unmatched %q", name, got)
		}
		if tc.filter.All() != (name == "all") {
			t.Errorf("%s: selects all, or not", name)
		}
	}
}
