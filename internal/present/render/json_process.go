package render

import (
	"bytes"

	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// processObject writes a PROCESS.
func processObject(e *encoder, p *lineage.Process) {
	if e.written == nil || p.Exec != nil {
		writeProcess(e, p)
		return
	}
	if known := e.written.find(p); known != nil {
		e.comma()
		e.b = append(e.b, known...)
		return
	}
	from := len(e.b)
	writeProcess(e, p)
	e.written.keep(p, bytes.TrimPrefix(e.b[from:], []byte{','}))
}

// writtenProcesses are the processes that were written lately, with their JSON. Daemons
// and their ancestors are written again and again.
type writtenProcesses struct {
	list [8]writtenProcess
	hand int
}

type writtenProcess struct {
	process lineage.Process
	json    []byte
	// again is set if it was written again since the hand came by.
	again bool
}

// maxWritten bounds the JSON that is kept of a process.
const maxWritten = 2 << 10

// find returns the JSON of a process, nil if it is not kept.
func (w *writtenProcesses) find(p *lineage.Process) []byte {
	for i := range w.list {
		known := &w.list[i]
		if known.process.ID == p.ID && known.process.TID == p.TID && known.json != nil && known.process.Same(p) {
			known.again = true
			return known.json
		}
	}
	return nil
}

// keep keeps the JSON of a process in place of one that was written only once.
func (w *writtenProcesses) keep(p *lineage.Process, json []byte) {
	known := &w.list[w.hand]
	w.hand = (w.hand + 1) % len(w.list)
	if known.again || len(json) > maxWritten {
		known.again = false
		return
	}
	known.process, known.json = *p, append(known.json[:0], json...)
}

// writeProcess writes a process field by field. Marks of what isn't whole are absent
// unless set, except argv_truncated.
func writeProcess(e *encoder, p *lineage.Process) {
	e.open('{')
	e.uint("pid", uint64(p.ID.PID))
	e.uint("tid", uint64(p.TID))
	e.uint("start_ns", p.ID.StartNS)
	e.str("comm", p.Comm)
	e.strings("argv", p.Argv)
	e.bool("argv_truncated", p.ArgvTruncated)
	e.flag("argv_unread", p.ArgvUnread)
	e.flag("argv_inherited", p.ArgvInherited)
	e.str("exe", p.Exe)
	e.flag("exe_truncated", p.ExeTruncated)
	e.uint("uid", uint64(p.UID))
	if p.CgroupUnknown {
		e.null("cgroup")
	} else {
		e.str("cgroup", p.Cgroup)
	}
	e.flag("cgroup_truncated", p.CgroupTruncated)
	e.flag("preexisting", p.Preexisting)
	e.flag("unresolved", p.Unresolved)
	e.bool("exited", p.Exited)
	if p.Exited {
		s := exitStatus(p.ExitCode)
		e.uint("exit_code", uint64(s.code))
		e.uint("exit_signal", uint64(s.signal))
		e.uint("exit_ns", p.ExitNS)
	}
	if p.Exec != nil {
		e.key("exec")
		processObject(e, p.Exec)
	}
	e.close('}')
}

func processList(e *encoder, name string, list []lineage.Process) {
	e.key(name)
	e.open('[')
	for i := range list {
		processObject(e, &list[i])
	}
	e.close(']')
}

// status is a decoded wait status.
type status struct{ code, signal uint32 }

// exitStatus decodes task_struct.exit_code.
func exitStatus(raw uint32) status {
	return status{code: raw >> 8 & 0xff, signal: raw & 0x7f}
}
