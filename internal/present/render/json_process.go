package render

import (
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// processObject writes a PROCESS. Marks of what isn't whole are absent unless set,
// except argv_truncated.
func processObject(e *encoder, p *lineage.Process) {
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
