package report

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// A pod gets one sandbox after the other. That they fail is said only if nothing but
// plugins of the network was ever in one.
func TestRetried(t *testing.T) {
	for _, tt := range []struct {
		name string
		join func(s *story, serial uint64) // nil if nobody did
		want bool
	}{
		{"nobody was in them", nil, true},
		{"a plugin was slow to leave", func(s *story, serial uint64) {
			p := process(200, containerd, "loopback")
			s.at(s.report.Until, &event.NetnsJoin{Serial: serial, Process: p.ID}, &event.CNI{Serial: serial, Process: p.ID, Command: "ADD"})
			s.joined(&finding.Joined{Netns: event.NetnsJoin{Serial: serial}, Process: p})
		}, true},
		{"what may have been a plugin stayed", func(s *story, serial uint64) {
			p := process(200, containerd, "loopback")
			s.at(s.report.Until, &event.NetnsJoin{Serial: serial, Process: p.ID}, &event.CNI{Serial: serial, Process: p.ID, Cut: true})
			s.joined(&finding.Joined{Netns: event.NetnsJoin{Serial: serial}, Process: p})
		}, false},
		{"a pause container ran in one", func(s *story, serial uint64) {
			p := process(200, containerd, "pause")
			s.at(s.report.Until, &event.NetnsJoin{Serial: serial, Process: p.ID})
			s.joined(&finding.Joined{Netns: event.NetnsJoin{Serial: serial}, Process: p, Then: finding.ThenExec})
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory()
			s.at(0, &event.Coverage{Probe: event.ProbeJoin, Live: true})
			for i := range uint64(3) {
				serial := s.create((i+1)*second, sandbox("batch", "broken-node1", "u1", 0, nil))
				release := &event.NetnsRelease{Serial: serial}
				if tt.join != nil {
					tt.join(s, serial)
					release.Joins = 1
				}
				s.at((i+1)*second+1, release, &event.NetnsFree{Serial: serial})
			}
			s.at(10*second, &event.End{Seen: 3})
			if got := s.causes(t, 1)[0].Retried; got != tt.want {
				t.Errorf("retried: %v, want %v", got, tt.want)
			}
		})
	}
}
