package probe

import (
	"errors"
	"fmt"

	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/unsupported"
)

// Try attaches every probe, detaches it at once, and returns a finding for each. It
// loads the same programs as a trace, so what doctor shows is true of this kernel.
func Try(attachBy Attach) []kernel.Finding {
	hierarchy, err := kernel.CgroupHierarchy()
	if err != nil && !errors.Is(err, kernel.ErrNoHierarchy) {
		return []kernel.Finding{missing("cgroup hierarchy", true, err)}
	}
	set := choose(Options{Attach: attachBy, Life: true}, hierarchy)
	coll, err := newCollection(set)
	if err != nil {
		return []kernel.Finding{missing("maps", true, err)}
	}
	defer coll.Close()
	sweep()
	coll.loadAll()
	all := coll.groups()
	list := make([]kernel.Finding, 0, len(all)+1)
	for _, g := range all {
		list = append(list, coll.try(g)...)
	}
	if _, err := coll.processesBefore(); err != nil {
		return append(list, missing("iterator over processes", true, err))
	}
	return append(list, kernel.Finding{
		Name: "iterator over processes", How: "iter/task", Verdict: kernel.OK, Required: true, Detail: "loads and runs",
	}, set.room())
}

// room says for how many processes there is room.
func (s settings) room() kernel.Finding {
	f := kernel.Finding{Name: "tables", Verdict: kernel.OK, Detail: fmt.Sprintf("room for %d processes", s.processes)}
	if s.preallocate {
		f.Verdict = kernel.Degraded
		f.Detail += ": this kernel wants the memory of the tables that kprobes use to be taken at once; what does not fit is unknown, and counted as lost"
	}
	return f
}

// try attaches a group and detaches it. It returns a finding for each thing that it sees.
func (coll *collection) try(g group) []kernel.Finding {
	chosen, how, err := coll.attachChoice(g)
	if err != nil {
		chosen, how = g, coll.methods(g)[0]
	}
	var list []kernel.Finding
	for _, s := range chosen.sights() {
		f := kernel.Finding{
			Name: string(s.probe), How: string(how), Verdict: kernel.OK, Required: g.required, Detail: "loads and attaches",
		}
		if err != nil {
			f = failed(s, g.required, err)
			f.How = string(how)
		}
		list = append(list, f)
	}
	return list
}

// failed is the finding about something that is not seen.
func failed(s sight, required bool, err error) kernel.Finding {
	var absent *moduleError
	if errors.As(err, &absent) {
		return kernel.Finding{Name: string(s.probe), Verdict: kernel.OK, Detail: absent.Error() + ": " + absent.then()}
	}
	if errors.Is(err, errNoModules) {
		return kernel.Finding{Name: string(s.probe), Verdict: kernel.OK, Detail: err.Error()}
	}
	f := missing(string(s.probe), required, err)
	if !required {
		f.Verdict = kernel.Degraded
		f.Detail += "; " + s.without
	}
	return f
}

func missing(name string, required bool, err error) kernel.Finding {
	f := kernel.Finding{Name: name, Verdict: kernel.Missing, Required: required, Detail: err.Error()}
	var u *unsupported.Error
	if errors.As(err, &u) {
		f.Remedy = u.Remedy
	}
	return f
}
