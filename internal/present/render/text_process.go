package render

import (
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// parentIn returns the parent of ancestor i, and for -1 of the process whose
// ancestry that is; nil where it is not known.
func parentIn(ancestry []lineage.Process, i int) *lineage.Process {
	if i+1 < len(ancestry) {
		return &ancestry[i+1]
	}
	return nil
}

// creatorText is who created a namespace and what became of it: the exec that
// followed, or the child that was born in it.
func creatorText(c *finding.Attribution, limit int) string {
	out := label(&c.Process, parentIn(c.Ancestry, -1), limit)
	if c.Child != nil {
		return "by " + out + " child " + pidText(c.Child) + thenText(c.Child, limit) + awaitedText(c)
	}
	if c.Netns.Call == event.CallClone && c.Netns.Errno == 0 {
		out = "by " + out + " child ?"
	}
	return out + thenText(&c.Process, limit) + awaitedText(c)
}

// awaitedText says that the program is not known that a process was to become.
func awaitedText(c *finding.Attribution) string {
	if !c.ExecMissed() {
		return ""
	}
	return ", no exec in the time waited"
}

// thenText is the exec that followed.
func thenText(p *lineage.Process, limit int) string {
	if p.Exec == nil {
		return ""
	}
	return " then " + commandText(p.Exec, nil, limit)
}

// label is how every process is shown: its command line and its pid.
func label(p, parent *lineage.Process, limit int) string {
	return commandText(p, parent, limit) + pidText(p)
}

// pidText is "[pid]", with the thread if it isn't the leader, and with a mark
// for a process that has ended.
func pidText(p *lineage.Process) string {
	out := "[" + strconv.FormatUint(uint64(p.ID.PID), 10)
	if p.TID != 0 && p.TID != p.ID.PID {
		out += "/" + strconv.FormatUint(uint64(p.TID), 10)
	}
	if p.Exited {
		out += " exited"
	}
	return out + "]"
}

// commandText is a process's command line, or its name where that tells more:
// pid 1 is known by its name; and a process that has not called exec yet has
// the command line of its parent, which is shown there. So a child of
// systemd's that is still to become its service is "(name)".
func commandText(p, parent *lineage.Process, limit int) string {
	switch {
	case p.Unresolved:
		return "?"
	case len(p.Argv) == 0 && !p.ArgvUnread, p.ID.PID == 1 && p.Comm != "", p.ArgvInherited && parent != nil:
		return commText(p.Comm)
	case p.ArgvUnread:
		return commText(p.Comm) + " (arguments unknown)"
	}
	out := appendArgv(nil, p.Argv, limit)
	if p.ArgvTruncated {
		out = append(out, " (cut)"...)
	}
	return string(out)
}

// commText is a name quoted where it could be mistaken for anything else: it
// may be "x[1] < init", for any program can choose its own.
func commText(comm string) string {
	if parenthesised(comm) && len(comm) <= maxName {
		return comm
	}
	return quoteName(comm, maxName)
}

// parenthesised reports whether comm is "(name)" with a harmless name.
func parenthesised(comm string) bool {
	rest, opened := strings.CutPrefix(comm, "(")
	name, closed := strings.CutSuffix(rest, ")")
	return opened && closed && name != "" && quotingOf(name) == bare
}
