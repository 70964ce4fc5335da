package blame

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

const podUID = "d9607e19-f88f-11e6-a518-42010a800195"

// The kubelet asks for a pod; a CNI plugin of the engine's carries it.
func TestAPod(t *testing.T) {
	s := engineStory(t)
	s.wantsPod(kubelet, "web", podUID, 7)
	n := s.sandbox()
	s.wait(1200)
	s.want()
	s.calls(70, n, "web", podUID)
	s.want("pod 62 kubelet.service (kernel)")
	s.wantFor("pod shop/web " + podUID + " attempt 7 (kernel)")
	if o := s.done[0].Origin; o.Pod == nil || o.Pod.Source != "file" {
		t.Errorf("%+v", o)
	}
}

// Thirty sandboxes at once: what a plugin carries is kernel evidence for each.
func TestThirtySandboxesAtOnce(t *testing.T) {
	const pods = 30
	s := engineStory(t)
	name := func(i int) (string, string) { return fmt.Sprintf("web-%d", i), fmt.Sprintf("uid-%d", i) }
	s.session(1000)
	s.typed(1000, 70, "crictl", "runp", "pod.json")
	for i := range pods {
		pod, uid := name(i)
		s.wantsPod(70, pod, uid, 0)
	}
	var serials []uint64
	for range pods {
		serials = append(serials, s.sandbox())
	}
	s.wait(1000)
	var origins, fors []string
	for i := range pods { // in another order than that in which they were asked for
		pod, uid := name((i*7 + 3) % pods)
		s.calls(uint32(200+i), serials[i], pod, uid)
		origins = append(origins, "pod 70 session-1000.scope (kernel)")
		fors = append(fors, "pod shop/"+pod+" "+uid+" attempt 0 (kernel)")
	}
	s.want(origins...)
	s.wantFor(fors...)
}

// Without a plugin there is only time. The only open request is likely, one of several is
// not known, and a pod that shares the host's namespace never gets one.
func TestWithoutAPlugin(t *testing.T) {
	for _, tt := range []struct {
		name         string
		tell         func(*story)
		origin, whom string
	}{
		{"one", func(s *story) { s.wantsPod(kubelet, "web", podUID, 1) }, "pod 62 kubelet.service (inferred)", "pod shop/web " + podUID + " attempt 1 (inferred)"},
		{"two", func(s *story) {
			s.wantsPod(kubelet, "web", podUID, 1)
			s.wantsPod(kubelet, "db", "other", 1)
		}, "unknown (unknown): several_pods", "(unknown): several_pods"},
		{"none", func(*story) {}, "unknown (unknown): no_engine_request", "(unknown): no_engine_request"},
		{"a loss", func(s *story) {
			s.wantsPod(kubelet, "web", podUID, 1)
			s.see(&event.Loss{Kind: event.LossEngine, Count: 1})
		}, "unknown (unknown): messages_lost", "(unknown): messages_lost"},
		{"a pod long ago", func(s *story) { s.wantsPod(kubelet, "web", podUID, 1); s.wait(60_000) }, "unknown (unknown): no_engine_request", "(unknown): no_engine_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := engineStory(t)
			tt.tell(s)
			n := s.sandbox()
			s.wait(4900)
			s.want()
			s.wait(100)
			s.want(tt.origin)
			s.wantFor(tt.whom)
			s.calls(70, n, "db", "other") // at last
			if len(s.fors) != 1 || s.fors[0].For.Pod.Name != "db" || s.fors[0].For.Evidence != "kernel" {
				t.Errorf("%+v", s.fors)
			}
		})
	}
}

// Somebody calls a plugin by hand, with false CNI_ARGS.
func TestAPluginByHand(t *testing.T) {
	for _, tt := range []struct {
		name string
		call func(*story, uint64)
	}{
		{"a user", func(s *story, n uint64) {
			s.session(1000)
			s.uid = 1000
			s.plugin(90, 1000, "/user.slice/user-1000.slice/session-1000.scope", n, "victim", "other")
		}},
		{"root", func(s *story, n uint64) { s.plugin(90, 30, "/system.slice/cron.service", n, "victim", "other") }},
		{"a program in a container", func(s *story, n uint64) {
			s.shim(80, "k8s.io", containerID(1))
			s.plugin(90, 85, "/kubepods/pod1/"+containerID(1), n, "victim", "other")
		}},
		{"an engine of a user's", func(s *story, n uint64) {
			s.session(1000)
			s.uid = 1000
			s.process(89, 1000, "/user.slice/user-1000.slice/session-1000.scope", "/usr/bin/containerd", "containerd")
			s.plugin(90, 89, "/user.slice/user-1000.slice/session-1000.scope", n, "victim", "other")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := engineStory(t)
			s.wantsPod(kubelet, "web", podUID, 0)
			n := s.sandbox()
			tt.call(s, n)
			s.calls(70, n, "web", podUID)
			last := s.done[len(s.done)-1]
			if got, want := forText(last.For), "pod shop/web "+podUID+" attempt 0 (kernel)"; got != want {
				t.Errorf("%q", got)
			}
		})
	}
}

// A pod's name comes again with another uid.
func TestAPodsNameComesAgain(t *testing.T) {
	s := engineStory(t)
	s.wantsPod(kubelet, "web", "uid-1", 3)
	s.wantsPod(kubelet, "web", "uid-2", 0)
	first, second := s.sandbox(), s.sandbox()
	s.calls(70, second, "web", "uid-1")
	s.calls(71, first, "web", "uid-2")
	s.wantFor("pod shop/web uid-1 attempt 3 (kernel)", "pod shop/web uid-2 attempt 0 (kernel)")
}

// A sandbox fails again and again, and the request of each try counts.
func TestAttempts(t *testing.T) {
	s := engineStory(t)
	var want []string
	for i := range uint32(5) {
		s.wantsPod(kubelet, "broken", podUID, i)
		n := s.sandbox()
		s.calls(100+i, n, "broken", podUID)
		s.wait(2000)
		want = append(want, fmt.Sprintf("pod shop/broken %s attempt %d (kernel)", podUID, i))
	}
	s.wantFor(want...)
}

// The pod is known although nobody heard who asked for it.
func TestAPodOfWhichNoRequestWasHeard(t *testing.T) {
	s := engineStory(t)
	n := s.sandbox()
	s.calls(70, n, "web", podUID)
	s.want("pod (kernel): no_engine_request")
	s.wantFor("pod shop/web " + podUID + " (kernel)")
}

// A recording of before says nothing of how long names are waited for.
func TestARecordingOfBefore(t *testing.T) {
	s := engineStory(t)
	s.see(&event.Host{})
	s.wantsPod(kubelet, "web", podUID, 0)
	s.sandbox()
	s.wait(1)
	s.wantFor("pod shop/web " + podUID + " attempt 0 (inferred)")
	if diff := cmp.Diff([]event.ContainerQuestion(nil), s.asked); diff != "" {
		t.Error(diff)
	}
}

// A guess was wrong: the plugins tell, and each pod has its request again.
func TestAWrongGuess(t *testing.T) {
	s := engineStory(t)
	s.wantsPod(kubelet, "hidden", "uid-1", 4)
	first := s.sandbox()
	s.wait(5000)
	s.wantFor("pod shop/hidden uid-1 attempt 4 (inferred)")
	second := s.sandbox()
	s.calls(70, second, "hidden", "uid-1")
	s.calls(71, first, "other", "uid-2")
	s.wantFor("pod shop/hidden uid-1 attempt 4 (inferred)", "pod shop/hidden uid-1 attempt 4 (kernel)")
	if len(s.fors) != 1 || forText(s.fors[0].For) != "pod shop/other uid-2 (kernel)" {
		t.Errorf("%+v", s.fors)
	}
}
