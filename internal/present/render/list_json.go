package render

import (
	"io"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/inventory"
)

// ListJSON writes a list for programs: an object for each namespace, and a
// summary.
func ListJSON(w io.Writer, l *List) error {
	a := listAnswerer{list: l}
	a.clock.observe(event.Event{Body: l.Host})
	for _, n := range l.Namespaces {
		if err := findings.Encode(w, a.netns(n)); err != nil {
			return err
		}
	}
	return findings.Encode(w, a.summary())
}

// listAnswerer turns a list into its answers.
type listAnswerer struct {
	list  *List
	clock clock
}

func (a *listAnswerer) netns(n *inventory.Namespace) *findings.ListedNetns {
	out := &findings.ListedNetns{
		Head: findings.NewHead("netns"), Moment: a.clock.moment(a.list.NowNS),
		Netns: findings.Netns{Inum: n.Inum, Cookie: n.Cookie()},
		Age:   a.age(n), Names: each(n.Names(), namedAnswer),
		Count: findings.HolderCounts{
			Processes: n.Processes, Threads: n.Threads, Files: n.FileCount, Sockets: n.SockCount,
			Messages: n.MessageCount, Mounts: n.MountCount,
		},
		Processes: each(n.Listed, foundProcess), Places: each(n.Places, listedPlace), Elsewhere: n.Elsewhere,
		Files: openFiles(n, n.Files), Sockets: openSockets(n), Messages: openFiles(n, n.Messages),
		Mounts: each(n.Mounts, mountAnswer), For: forAnswer(a.list.beneficiary(n)),
	}
	if a.list.knowsInitial() {
		out.Initial = &n.Initial
	}
	if !n.Unheld || !a.list.Gaps.Incomplete() {
		out.Unheld = &n.Unheld
	}
	addKernel(out, n.Kernel)
	a.addCreation(out, n)
	a.addLeak(out, n)
	return out
}

func argvAnswer(argv *[]string) findings.Argv {
	var out findings.Argv
	out.Argv, out.ArgvBase64 = textsOf(*argv)
	return out
}

// addLeak adds what would free a namespace that nobody is in, and who used it last.
func (a *listAnswerer) addLeak(out *findings.ListedNetns, n *inventory.Namespace) {
	if out.Leaked = n.Leaked(); out.Leaked {
		commands, why := n.Frees()
		out.FreedBy = each(commands, argvAnswer)
		out.FreedWhyCode = findings.Text(why)
	}
	if u := a.list.Created[n.Inum].LastUse; u != nil {
		last := findings.LastUse{Moment: a.clock.moment(u.BootNS), PID: u.PID}
		last.Comm, last.CommBase64 = textOf(u.Comm)
		out.LastUsed = &last
	}
}

func (a *listAnswerer) age(n *inventory.Namespace) *findings.Age {
	if n.Age.Bound == inventory.Unknown {
		return nil
	}
	now := a.list.NowNS
	return &findings.Age{
		Bound: findings.Text(n.Age.Bound), NS: now - min(now, n.Age.SinceNS), From: findings.Text(n.Age.Sign),
		Moment: a.clock.moment(n.Age.SinceNS),
	}
}

func namedAnswer(n *inventory.Name) findings.Named {
	out := findings.Named{By: findings.Text(n.By)}
	out.Name, out.NameBase64 = textOf(n.Name)
	return out
}

// addKernel adds what the kernel's own list says.
func addKernel(out *findings.ListedNetns, k *inventory.Kernel) {
	if k == nil {
		return
	}
	if k.HasReferences {
		n := uint64(k.References)
		out.References = &n
	}
	out.Owner = &findings.Owner{UserInum: k.UserInum, UID: k.OwnerUID}
}

// addCreation adds the creation as in netns_create.
func (a *listAnswerer) addCreation(out *findings.ListedNetns, n *inventory.Namespace) {
	m := a.list.Created[n.Inum]
	if m.Attribution == nil {
		out.CreatedWhy, out.CreatedWhyBase64 = someText(unmatchedText(m.Why))
		out.CreatedWhyCode = findings.Text(m.Why)
		return
	}
	created := a.clock.creationAnswer(m.Attribution)
	out.Created, out.CreatedBy = &created, findings.Text(m.By)
}

func foundProcess(p *inventory.Process) findings.FoundProcess {
	shown := present(p)
	out := findings.FoundProcess{
		PID: shown.ID.PID, TID: shown.TID, StartNS: shown.ID.StartNS,
		ArgvTruncated: shown.ArgvTruncated, ArgvUnread: shown.ArgvUnread,
	}
	out.Comm, out.CommBase64 = textOf(shown.Comm)
	out.Argv, out.ArgvBase64 = textsOf(shown.Argv)
	out.Exe, out.ExeBase64 = textOf(shown.Exe)
	if p.Described {
		out.UID = &shown.UID
	}
	if !shown.CgroupUnknown {
		out.Cgroup, out.CgroupBase64 = someText(shown.Cgroup)
	}
	out.Unit, out.Container = cgroupAnswer(shown.Cgroup, shown.CgroupDelegated)
	return out
}

// cgroupAnswer returns the unit and the container of a cgroup.
func cgroupAnswer(path string, d event.Delegation) (*findings.Unit, *findings.Container) {
	place := cgroup.ParseDelegated(path, d)
	return unitAnswer(&place, path, unitFacts{}), placedAnswer(&place)
}

func listedPlace(p *inventory.Place) findings.ListedPlace {
	out := findings.ListedPlace{Processes: p.Processes}
	out.Cgroup, out.CgroupBase64 = textOf(p.Cgroup)
	out.Unit, out.Container = cgroupAnswer(p.Cgroup, p.Delegated)
	return out
}

func openFiles(n *inventory.Namespace, files []inventory.File) []findings.OpenFile {
	return each(files, func(f *inventory.File) findings.OpenFile {
		return findings.OpenFile{FD: f.FD, Process: foundProcess(&f.Process), Unrelated: unrelated(n, &f.Process)}
	})
}

func openSockets(n *inventory.Namespace) []findings.Socket {
	return each(n.Sockets, func(f *inventory.File) findings.Socket {
		return findings.Socket{
			FD: f.FD, Family: findings.Text(familyName(f.Family)), Ino: f.Ino, Process: foundProcess(&f.Process),
			Unrelated: unrelated(n, &f.Process),
		}
	})
}

func mountAnswer(m *inventory.Mount) findings.Mount {
	out := findings.Mount{MountInum: m.MountInum, Own: m.Own, Others: m.Others}
	out.Path, out.PathBase64 = textOf(m.Path)
	if m.Process.ID.PID != 0 {
		p := foundProcess(&m.Process)
		out.Process = &p
	}
	return out
}

func (a *listAnswerer) summary() *findings.ListSummary {
	c := a.list.tally()
	return &findings.ListSummary{
		Head:   findings.NewHead("summary"),
		Listed: c.listed, Occupied: c.occupied, Held: c.held, Unheld: c.unheld, Unexplained: c.unexplained, Created: c.created,
		Incomplete: a.list.Gaps.Incomplete(), Gaps: listGaps(&a.list.Gaps),
		Recordings: each(a.list.Recordings, recordingAnswer),
	}
}

func listGaps(g *inventory.Gaps) findings.ListGaps {
	out := findings.ListGaps{
		KernelCut: g.KernelCut, Processes: g.Processes, Files: g.Files, Mounts: g.Mounts, Messages: g.Messages,
		Failed: g.Failed, Cut: g.Cut, Changing: g.Changing,
	}
	if g.Kernel != "" {
		out.Kernel, out.KernelBase64 = someText(g.Kernel)
		out.Remedy, out.RemedyBase64 = someText(g.Remedy)
	}
	if g.Processes+g.Files+g.Mounts > 0 {
		out.Rights, out.RightsBase64 = someText(rightsText(g.Rights))
	}
	out.Hidden, out.HiddenBase64 = textOrNull(hiddenText(g.Hidden))
	if g.Failed > 0 {
		out.Why, out.WhyBase64 = someText(g.Why)
	}
	return out
}

func recordingAnswer(r *Recording) findings.Recording {
	out := findings.Recording{
		Used: r.Why == "", FromBootNS: r.FromNS, UntilBootNS: r.UntilNS, GoesOn: r.GoesOn, Damages: r.Damages,
	}
	out.Name, out.NameBase64 = textOf(r.Name)
	out.Why, out.WhyBase64 = textOf(unusedText(r.Why))
	out.WhyCode = findings.Text(r.Why)
	return out
}
