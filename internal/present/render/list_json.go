package render

import (
	"io"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/inventory"
)

// ListJSON writes a list for programs: an object for each namespace, and a
// summary.
func ListJSON(w io.Writer, l *List) error {
	p := &jsonPrinter{w: w}
	p.clock.observe(event.Event{Body: l.Host})
	for _, n := range l.Namespaces {
		if err := p.listed(l, n); err != nil {
			return err
		}
	}
	return p.listSummary(l)
}

func (p *jsonPrinter) listed(l *List, n *inventory.Namespace) error {
	e := p.begin("netns")
	p.time(l.NowNS)
	e.key("netns")
	e.open('{')
	e.uint("inum", uint64(n.Inum))
	e.uint("cookie", n.Cookie())
	e.close('}')
	if l.knowsInitial() {
		e.bool("initial", n.Initial)
	} else {
		e.null("initial")
	}
	p.ageField(l, n)
	e.key("names")
	e.open('[')
	for _, name := range n.Names() {
		e.open('{')
		e.str("name", name.Name)
		e.str("by", name.By)
		e.close('}')
	}
	e.close(']')
	if n.Unheld && l.Gaps.Incomplete() {
		e.null("unheld")
	} else {
		e.bool("unheld", n.Unheld)
	}
	kernelFields(e, n.Kernel)
	e.key("count")
	e.open('{')
	e.uint("processes", n.Processes)
	e.uint("threads", n.Threads)
	e.uint("files", n.FileCount)
	e.uint("sockets", n.SockCount)
	e.uint("messages", n.MessageCount)
	e.uint("mounts", n.MountCount)
	e.close('}')
	e.key("processes")
	e.open('[')
	for i := range n.Listed {
		presentObject(e, &n.Listed[i])
	}
	e.close(']')
	e.key("places")
	e.open('[')
	for i := range n.Places {
		placeObject(e, &n.Places[i])
	}
	e.close(']')
	e.uint("elsewhere", n.Elsewhere)
	openFiles(e, "files", n.Files, false)
	openFiles(e, "sockets", n.Sockets, true)
	openFiles(e, "messages", n.Messages, false)
	e.key("mounts")
	e.open('[')
	for i := range n.Mounts {
		mountObject(e, &n.Mounts[i])
	}
	e.close(']')
	p.createdField(l, n)
	return p.end()
}

func (p *jsonPrinter) ageField(l *List, n *inventory.Namespace) {
	e := &p.enc
	if n.Age.Bound == inventory.Unknown {
		e.null("age")
		return
	}
	e.key("age")
	e.open('{')
	e.str("bound", string(n.Age.Bound))
	e.uint("ns", l.NowNS-min(l.NowNS, n.Age.SinceNS))
	e.str("from", n.Age.Why)
	p.time(n.Age.SinceNS)
	e.close('}')
}

func kernelFields(e *encoder, k *inventory.Kernel) {
	if k == nil || !k.HasReferences {
		e.null("references")
	} else {
		e.uint("references", uint64(k.References))
	}
	if k == nil {
		e.null("owner")
		return
	}
	e.key("owner")
	e.open('{')
	e.uint("user_inum", uint64(k.UserInum))
	e.uint("uid", uint64(k.OwnerUID))
	e.close('}')
}

// presentObject writes a process that was found: what is not known is null.
func presentObject(e *encoder, p *inventory.Process) {
	e.open('{')
	presentFields(e, p)
	e.close('}')
}

func presentFields(e *encoder, p *inventory.Process) {
	shown := present(p)
	e.uint("pid", uint64(shown.ID.PID))
	e.uint("tid", uint64(shown.TID))
	e.uint("start_ns", shown.ID.StartNS)
	e.str("comm", shown.Comm)
	e.strings("argv", shown.Argv)
	e.bool("argv_truncated", shown.ArgvTruncated)
	e.flag("argv_unread", shown.ArgvUnread)
	e.str("exe", shown.Exe)
	if p.Described {
		e.uint("uid", uint64(shown.UID))
	} else {
		e.null("uid")
	}
	if shown.CgroupUnknown {
		e.null("cgroup")
	} else {
		e.str("cgroup", shown.Cgroup)
	}
	cgroupFields(e, shown.Cgroup)
}

// cgroupFields writes the unit and the container of a cgroup.
func cgroupFields(e *encoder, path string) {
	place := cgroup.Parse(path)
	unitField(e, &place, path, nil)
	containerField(e, "container", place.Container)
}

func placeObject(e *encoder, p *inventory.Place) {
	e.open('{')
	e.uint("processes", p.Processes)
	e.str("cgroup", p.Cgroup)
	cgroupFields(e, p.Cgroup)
	e.close('}')
}

func openFiles(e *encoder, name string, list []inventory.File, sockets bool) {
	e.key(name)
	e.open('[')
	for i := range list {
		f := &list[i]
		e.open('{')
		e.uint("fd", uint64(f.FD))
		if sockets {
			e.str("family", familyName(f.Family))
			e.uint("ino", f.Ino)
		}
		e.key("process")
		presentObject(e, &f.Process)
		e.close('}')
	}
	e.close(']')
}

func mountObject(e *encoder, m *inventory.Mount) {
	e.open('{')
	e.str("path", m.Path)
	e.uint("mount_inum", uint64(m.MountInum))
	e.bool("own", m.Own)
	e.uint("others", m.Others)
	e.close('}')
}

// createdField writes the creation as in netns_create.
func (p *jsonPrinter) createdField(l *List, n *inventory.Namespace) {
	e := &p.enc
	m := l.Created[n.Inum]
	if m.Case == nil {
		e.null("created")
		e.str("created_why", m.Why)
		return
	}
	e.key("created")
	e.open('{')
	p.creation(m.Case)
	e.close('}')
	e.str("created_by", string(m.By))
}

func (p *jsonPrinter) listSummary(l *List) error {
	e := p.begin("summary")
	c, g := l.tally(), &l.Gaps
	e.uint("listed", c.listed)
	e.uint("occupied", c.occupied)
	e.uint("held", c.held)
	e.uint("unheld", c.unheld)
	e.uint("unexplained", c.unexplained)
	e.uint("created", c.created)
	e.bool("incomplete", g.Incomplete())
	e.key("gaps")
	e.open('{')
	if g.Kernel == "" {
		e.null("kernel")
	} else {
		e.str("kernel", g.Kernel)
		e.str("remedy", g.Remedy)
	}
	e.bool("kernel_cut", g.KernelCut)
	e.uint("processes", g.Processes)
	e.uint("files", g.Files)
	e.uint("mounts", g.Mounts)
	e.uint("messages", g.Messages)
	if g.Processes+g.Files+g.Mounts > 0 {
		e.str("rights", g.Rights)
	}
	if g.Hidden == "" {
		e.null("hidden")
	} else {
		e.str("hidden", g.Hidden)
	}
	e.uint("failed", g.Failed)
	if g.Failed > 0 {
		e.str("why", g.Why)
	}
	e.uint("changing", g.Changing)
	e.close('}')
	e.key("recordings")
	e.open('[')
	for i := range l.Recordings {
		p.recordingObject(&l.Recordings[i])
	}
	e.close(']')
	return p.end()
}

func (p *jsonPrinter) recordingObject(r *Recording) {
	e := &p.enc
	e.open('{')
	e.str("name", r.Name)
	e.bool("used", r.Why == "")
	if r.Why != "" {
		e.str("why", r.Why)
	}
	e.uint("from_boot_ns", r.FromNS)
	e.uint("until_boot_ns", r.UntilNS)
	e.bool("goes_on", r.GoesOn)
	e.uint("damages", r.Damages)
	e.close('}')
}
