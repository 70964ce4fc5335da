// Package journal turns findings into entries of systemd's journal, in the journal's
// native protocol.
//
// An entry is filed under the unit where a creation has its origin, so that journalctl -u
// cron.service shows what cron caused. docs/journal.md lists the fields.
package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
)

// The ids of messages (MESSAGE_ID). They never change.
const (
	// MessageCreated: a network namespace was created, or could not be.
	MessageCreated = "3fe4929c41ec42eebde7983270ac8f8d"
	// MessageRepeated: the same cause made more of them.
	MessageRepeated = "e2e406fb1eb747bfa89345807c44521f"
	// MessageFor: it became known for whom one was made.
	MessageFor = "f2666afa56ff45faae8fb5d4a16d69e3"
	// MessageLost: something was lost, or is not in the journal.
	MessageLost = "e9de839adee24b21ac53247a0e1def7b"
	// MessageLeft: namespaces of a cause were still there when nsblame ended.
	MessageLeft = "6bd1cc0f2b9f4a5c8a3c3d2f6d64c6a7"
	// MessageEnd: nsblame ended.
	MessageEnd = "a2a95b5dea0a4646b2ed5619c052c3bb"
)

// The priorities, as in syslog(3).
const (
	warning = 4
	info    = 6
)

// MaxEntry bounds an entry in bytes. A datagram of that size needs no file to carry it.
const MaxEntry = 64 << 10

// maxValue bounds a value in bytes. What is longer is cut; the recording and the JSON
// have it whole.
const maxValue = 4 << 10

// entry is a datagram that grows.
type entry struct{ b []byte }

func newEntry(id string, priority int, message string) *entry {
	e := &entry{}
	e.add("MESSAGE", message)
	e.add("MESSAGE_ID", id)
	e.add("PRIORITY", strconv.Itoa(priority))
	e.add("SYSLOG_IDENTIFIER", "nsblame")
	return e
}

// add appends a field, unless its value is empty. A value may hold any byte.
func (e *entry) add(name, value string) {
	if value == "" {
		return
	}
	if len(value) > maxValue {
		value = value[:maxValue]
		for !utf8.ValidString(value[max(0, len(value)-utf8.UTFMax):]) && len(value) > maxValue-utf8.UTFMax {
			value = value[:len(value)-1]
		}
	}
	e.b = append(e.b, name...)
	if strings.IndexByte(value, '\n') < 0 {
		e.b = append(append(append(e.b, '='), value...), '\n')
		return
	}
	e.b = binary.LittleEndian.AppendUint64(append(e.b, '\n'), uint64(len(value)))
	e.b = append(append(e.b, value...), '\n')
}

// creation adds the fields of a creation.
func (e *entry) creation(k *finding.Attribution, id *report.Identity) {
	o := &k.Origin
	e.object(&o.Placement)
	e.add("NSBLAME_CAUSE", render.CauseID(id.ID))
	if id.FamilyID != 0 {
		e.add("NSBLAME_CAUSE_FAMILY", render.CauseID(id.FamilyID))
	}
	e.add("NSBLAME_TRIGGER", string(o.Trigger))
	e.add("NSBLAME_EVIDENCE", string(o.Evidence))
	e.add("NSBLAME_UNIT", unitName(&k.Placement))
	e.add("NSBLAME_ORIGIN_UNIT", unitName(&o.Placement))
	if o.Process != nil {
		e.process("NSBLAME_ORIGIN_", o.Process)
	}
	e.whom(k.For, &k.Placement)
}

// netns adds what only this creation has.
func (e *entry) netns(k *finding.Attribution) {
	n := &k.Netns
	if n.Errno == 0 {
		e.add("NSBLAME_NETNS", strconv.FormatUint(uint64(n.Inum), 10))
	} else {
		e.add("ERRNO", strconv.FormatUint(uint64(n.Errno), 10))
	}
	if n.Cookie != 0 {
		e.add("NSBLAME_NETNS_COOKIE", strconv.FormatUint(n.Cookie, 10))
	}
	e.process("NSBLAME_", &k.Process)
}

func (e *entry) process(prefix string, p *lineage.Process) {
	if p.Exec != nil {
		p = p.Exec
	}
	e.add(prefix+"PID", strconv.FormatUint(uint64(p.ID.PID), 10))
	e.add(prefix+"COMM", p.Comm)
	e.add(prefix+"EXE", p.Exe)
	if !p.ArgvInherited {
		e.add(prefix+"CMDLINE", strings.Join(p.Argv, " "))
	}
}

// whom adds for whom it was made; else the container that the creator is in.
func (e *entry) whom(f *finding.For, p *cgroup.Placement) {
	if f != nil && f.Pod != nil {
		e.add("NSBLAME_POD", strings.TrimPrefix(f.Pod.Namespace+"/"+f.Pod.Name, "/"))
	}
	switch {
	case f != nil && f.Container != nil && f.Container.Name != "":
		e.add("NSBLAME_CONTAINER", f.Container.Name)
	case f != nil && f.Container != nil:
		e.add("NSBLAME_CONTAINER", f.Container.ID)
	case p.Container != nil:
		e.add("NSBLAME_CONTAINER", p.Container.ContainerName())
	}
}

// object files the entry under the unit where it began. A user's unit may have the name
// of one of the machine's, so it has a field of its own, as in what the user's services
// write themselves.
func (e *entry) object(p *cgroup.Placement) {
	switch {
	case p.Unit == "":
	case p.Manager == event.ManagerSystem:
		e.add("OBJECT_SYSTEMD_UNIT", p.Unit)
	case p.Manager == event.ManagerUser && p.HasOwner:
		uid := strconv.FormatUint(uint64(p.OwnerUID), 10)
		e.add("OBJECT_SYSTEMD_UNIT", "user@"+uid+".service")
		e.add("OBJECT_SYSTEMD_USER_UNIT", p.Unit)
		e.add("OBJECT_SYSTEMD_OWNER_UID", uid)
	}
}

// unitName is a unit as --unit takes it: "cron.service", "user@1000/app.service".
func unitName(p *cgroup.Placement) string {
	if p.Unit == "" {
		return ""
	}
	if of := p.ManagerName(); of != "" {
		return of + "/" + p.Unit
	}
	return p.Unit
}

// Dropped is the entry that says how many were not written, because the journal did not
// take them.
func Dropped(count uint64) []byte {
	e := newEntry(MessageLost, warning, fmt.Sprintf("%d entries were not written: the journal did not take them in time", count))
	e.count(count)
	return e.b
}

func (e *entry) count(n uint64) { e.add("NSBLAME_COUNT", strconv.FormatUint(n, 10)) }

// Fields reads an entry, for tests. The last of several values counts.
func Fields(datagram []byte) map[string]string {
	out := make(map[string]string)
	for len(datagram) > 0 {
		line, rest, _ := bytes.Cut(datagram, []byte{'\n'})
		if name, value, ok := bytes.Cut(line, []byte{'='}); ok {
			out[string(name)], datagram = string(value), rest
			continue
		}
		if len(rest) < 8 {
			return nil
		}
		n := binary.LittleEndian.Uint64(rest)
		if uint64(len(rest)-8) <= n {
			return nil
		}
		out[string(line)], datagram = string(rest[8:8+n]), rest[8+n+1:]
	}
	return out
}
