package blame

import (
	"path"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// systemd-run with a condition makes two transient units of one name with one call of
// StartTransientUnit: a timer, a path or a socket, and the service that it starts
// (src/run/run.c, make_transient_trigger_unit). Both are gone when they have done their
// work, maybe before the manager is asked about them.

// transientTrigger blames a transient unit that has started a service of its name, where
// the manager knows neither any more.
func transientTrigger(s *solver, f *facts) verdict {
	stem, isService := strings.CutSuffix(f.unit, ".service")
	if f.known || f.answer.missing || len(f.requests) > 0 || !isService {
		return no
	}
	var e *request.Effect
	for _, suffix := range []string{".timer", ".path", ".socket"} {
		for _, q := range s.requests.Of(f.owner, []string{stem + suffix}, 0, f.began()) {
			switch {
			case q.Method != startTransient:
			case e != nil && (e.PID() != q.PID() || e.Unit != q.Unit):
				return no // either may have
			default:
				e = &request.Effect{Request: q}
			}
		}
	}
	if e == nil {
		return no
	}
	kind := triggersByType[path.Ext(e.Unit)]
	s.because(evidence.Inferred, finding.Triggered{Trigger: kind, Unit: e.Unit}, e.Unit)
	s.link(actedUpon(e), finding.Job{Method: e.Method, Unit: e.Unit}, e.Unit)
	if e.Known {
		c := e.Caller
		s.out.Links = append(s.out.Links, finding.Link{
			Kind: finding.KindAskedBy, Evidence: e.Evidence(), Why: e.Doubt, Process: &c.Process, Ancestry: c.Ancestry,
		})
	}
	s.origin(finding.Origin{Trigger: kind, Unit: e.Unit, Placement: placement(f.owner, e.Unit)})
	return yes
}
