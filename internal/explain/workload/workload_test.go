package workload

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// labels are "key=value", separated by commas.
func labels(text string) []event.Label {
	var list []event.Label
	for _, l := range strings.Split(text, ",") {
		if key, value, ok := strings.Cut(l, "="); ok {
			list = append(list, event.Label{Key: key, Value: value})
		}
	}
	return list
}

func TestOf(t *testing.T) {
	none := finding.Workload{}
	is := func(kind, name string, e evidence.Evidence) finding.Workload {
		return finding.Workload{Kind: kind, Name: name, Evidence: e}
	}
	for _, tc := range []struct {
		pod, labels string
		want        finding.Workload
	}{
		{"web", "", none},
		{"web", "app=web", none},
		{"web-node1", "", none}, // a static pod
		{"report-xk2bq", "job-name=report", is("Job", "report", evidence.Claimed)},
		{"report-xk2bq", "batch.kubernetes.io/job-name=report,job-name=other", is("Job", "report", evidence.Claimed)},
		{"report-0-xk2bq", "batch.kubernetes.io/job-name=report,batch.kubernetes.io/job-completion-index=0", is("Job", "report", evidence.Claimed)},
		{"backup-28374620-xk2bq", "job-name=backup-28374620", is("CronJob", "backup", evidence.Inferred)},
		{"backup-1-xk2bq", "job-name=backup-1", is("Job", "backup-1", evidence.Claimed)},
		{"x", "job-name=backup-12345678", is("Job", "backup-12345678", evidence.Claimed)}, // minutes of 1993
		{"x", "job-name=backup-283746201", is("Job", "backup-283746201", evidence.Claimed)},
		{"x", "job-name=-28374620", is("Job", "-28374620", evidence.Claimed)},
		{"x", "job-name=", none},
		{"web-7d9f8c6b5-xk2bq", "app=web,pod-template-hash=7d9f8c6b5", is("Deployment", "web", evidence.Inferred)},
		{"web-7d9f8c6b5-xk2bq", "pod-template-hash=other", is("ReplicaSet", "web-7d9f8c6b5", evidence.Inferred)},
		{"web-7d9f8c6b5-aeiou", "pod-template-hash=7d9f8c6b5", none}, // no letters that are generated
		{"-7d9f8c6b5-xk2bq", "pod-template-hash=7d9f8c6b5", is("ReplicaSet", "-7d9f8c6b5", evidence.Inferred)},
		{"web-7d9f8c6b5-xk2bq", "", none},
		{"db-0", "statefulset.kubernetes.io/pod-name=db-0,controller-revision-hash=db-6c5c7f", is("StatefulSet", "db", evidence.Claimed)},
		{"db-12", "statefulset.kubernetes.io/pod-name=db-12", is("StatefulSet", "db", evidence.Inferred)},
		{"db-12", "apps.kubernetes.io/pod-index=12,controller-revision-hash=db-6c5c7f", is("StatefulSet", "db", evidence.Inferred)},
		{"db-12", "apps.kubernetes.io/pod-index=11,controller-revision-hash=db-6c5c7f", none},
		{"db-0", "statefulset.kubernetes.io/pod-name=other-0", none},
		{"db-01", "statefulset.kubernetes.io/pod-name=db-01", none}, // no number is written so
		{"db", "statefulset.kubernetes.io/pod-name=db", none},
		{"proxy-xk2bq", "controller-revision-hash=5f7d9c6b8d,pod-template-generation=1", is("DaemonSet", "proxy", evidence.Inferred)},
		{"proxy-xk2bq", "controller-revision-hash=proxy-5f7d9c6b8d", none},
		{"proxy", "controller-revision-hash=5f7d9c6b8d", none},
		{"a\x00\n-xk2bq", "controller-revision-hash=5f7d9c6b8d", none}, // no name of an object
	} {
		var got finding.Workload
		if w := Of(tc.pod, labels(tc.labels)); w != nil {
			got = *w
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q with %s (-want +got):\n%s", tc.pod, tc.labels, diff)
		}
	}
}

// Whatever stands in names and labels: a workload's name comes from them, and is never
// more than a claim.
func TestOfProperties(t *testing.T) {
	keys := []string{jobName, jobNameOld, templateHash, revisionHash, statefulPod, statefulNumber, "app"}
	rapid.Check(t, func(t *rapid.T) {
		pod := rapid.String().Draw(t, "pod")
		var list []event.Label
		var all strings.Builder
		all.WriteString(pod)
		for range rapid.IntRange(0, 5).Draw(t, "labels") {
			l := event.Label{Key: rapid.SampledFrom(keys).Draw(t, "key"), Value: rapid.OneOf(rapid.Just(pod), rapid.String()).Draw(t, "value")}
			all.WriteString("\x00" + l.Value)
			list = append(list, l)
		}
		w := Of(pod, list)
		if w == nil {
			return
		}
		if w.Name == "" || w.Kind == "" || !strings.Contains(all.String(), w.Name) {
			t.Fatalf("%+v of %q with %q", w, pod, list)
		}
		if w.Evidence.Strength() > evidence.Inferred.Strength() || w.Evidence == evidence.Unknown {
			t.Fatalf("%+v", w)
		}
	})
}

// Names are taken apart as these patterns do.
func TestNamesMatchPatterns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z\n]{0,3}-?[a-f0-9]{0,9}-[a-z0-9]{0,9}`)).Draw(t, "name")
		for pattern, is := range map[string]func(string) bool{
			`^(.+)-([2-5][0-9]{7})$`:                    isMinute,
			`^(.+)-([bcdfghjklmnpqrstvwxz2456789]{5})$`: isGenerated,
			`^(.+)-(0|[1-9][0-9]*)$`:                    isNumber,
		} {
			want := regexp.MustCompile(pattern).FindStringSubmatch(name)
			rest, part, ok := cut(name)
			if ok = ok && is(part); ok != (want != nil) || ok && (rest != want[1] || part != want[2]) {
				t.Fatalf("%q and %s: %v, %q, %q; want %q", name, pattern, ok, rest, part, want)
			}
		}
	})
}
