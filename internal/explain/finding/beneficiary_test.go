package finding

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
)

func TestForFacts(t *testing.T) {
	docker := event.ContainerQuestion{Runtime: "docker", ID: "c"}
	for name, c := range map[string]struct {
		facts event.Container
		want  *For
	}{
		"no answer":       {event.Container{Question: docker, Why: "gone"}, nil},
		"nothing in it":   {event.Container{Question: docker, NetnsPath: "/run/netns/x"}, nil},
		"container":       {event.Container{Question: docker, Name: "db"}, &For{Container: &Container{Runtime: "docker", ID: "c", Name: "db"}, Evidence: evidence.Runtime}},
		"container's pod": {event.Container{Question: docker, Name: "app", PodNamespace: "shop", PodName: "web", PodUID: "u"}, &For{Pod: &Pod{Namespace: "shop", Name: "web", UID: "u"}, Evidence: evidence.Runtime}},
	} {
		if d := cmp.Diff(c.want, ForFacts(&c.facts)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
