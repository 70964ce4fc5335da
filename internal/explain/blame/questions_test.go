package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/explain/lineage"
)

func TestFlushAnswersWhatIsOpen(t *testing.T) {
	s := withHostnamed(t)
	delete(s.units, "systemd-hostnamed.service")
	c := &lineage.Creation{}
	s.process(31, 30, "/system.slice/cron.service", "/bin/sh", "sh")
	p, ancestry, _ := s.tree.Lineage(s.id(31))
	c.Process, c.Ancestry = p, ancestry
	s.blamer.Submit(c)
	if done := s.blamer.Ready(); len(done) != 0 {
		t.Fatalf("%d cases before any answer", len(done))
	}
	s.done = s.blamer.Flush()
	s.want("command 31 cron.service (kernel)")
}
