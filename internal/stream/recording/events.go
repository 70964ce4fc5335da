package recording

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
)

// kinds are what a record can be about, in the order in which they stand in the
// schema's union. To add an event, add a function that walks over its fields
// and a row at the end; to add a field, add a line to its function. Earlier
// recordings stay readable, because kinds and fields are matched by name. None
// is given another meaning. One that is renamed gets a row in formerNames, and
// the old name is never used again.
var kinds = []kind{
	kindOf("Segment", walkSegment),
	kindOf("Close", walkClose),
	kindOf("Host", walkHost),
	kindOf("Clock", walkClock),
	kindOf("Coverage", walkCoverage),
	kindOf("Program", walkProgram),
	kindOf("Process", walkProcess),
	kindOf("Cgroup", walkCgroup),
	passing("Forget", walkForget, func(r *rooms) *[]event.Forget { return &r.forgets }),
	kindOf("Active", walkActive),
	kindOf("NetnsCreate", walkNetnsCreate),
	kindOf("NetnsChild", walkNetnsChild),
	passing("Exec", walkExec, func(r *rooms) *[]event.Exec { return &r.execs }),
	passing("Exit", walkExit, func(r *rooms) *[]event.Exit { return &r.exits }),
	passing("NetnsRelease", walkNetnsRelease, func(r *rooms) *[]event.NetnsRelease { return &r.releases }),
	kindOf("NetnsFree", walkNetnsFree),
	kindOf("BusMessage", walkBusMessage),
	kindOf("Unit", walkUnit),
	kindOf("Loss", walkLoss),
	kindOf("Damage", walkDamage),
	kindOf("End", walkEnd),
	passing("NetnsJoin", walkNetnsJoin, func(r *rooms) *[]event.NetnsJoin { return &r.joins }),
	passing("NetnsLeave", walkNetnsLeave, func(r *rooms) *[]event.NetnsLeave { return &r.leaves }),
	kindOf("NetnsJoinCount", walkNetnsJoinCount),
	kindOf("PernetInit", walkPernetInit),
	kindOf("EngineRequest", walkEngineRequest),
	passing("CNI", walkCNI, func(r *rooms) *[]event.CNI { return &r.plugins }),
	kindOf("Container", walkContainer),
	kindOf("SocketConnect", walkSocketConnect),
}

// formerNames has the old name of each record and each field ("Record.field")
// that was renamed. It goes into the schema as an Avro alias.
var formerNames = map[string]string{
	"NetnsJoinCount":         "NetnsJoins",
	"PernetInit":             "NetnsInit",
	"Coverage.attach_method": "how",
	"NetnsJoin.ordinal":      "nth",
	"Process.preexisting":    "adopted",
}

// segment begins a part of the file from which on everything is defined that
// is referred to: as many records that restate definitions follow at once.
type segment struct{ definitions uint64 }

// closing is a file's last record.
type closing struct {
	// continued is set where the stream goes on in the next file.
	continued bool
}

func walkSegment(c *codec, s *segment) { c.u64("definitions", &s.definitions) }

func walkClose(c *codec, s *closing) { c.bool("continued", &s.continued) }

func walkHost(c *codec, h *event.Host) {
	word(c, "version", &h.Version)
	word(c, "kernel", &h.Kernel)
	word(c, "arch", &h.Arch)
	word(c, "boot_id", &h.BootID)
	word(c, "machine_id", &h.MachineID)
	c.i64("clock_offset_ns", &h.ClockOffsetNS)
	c.int("utc_offset_seconds", &h.UTCOffsetSeconds)
	word(c, "cgroup_hierarchy", &h.CgroupHierarchy)
	c.u64("exec_wait_ns", &h.ExecWaitNS)
	word(c, "redacted", &h.Redacted)
	c.bytes("hostname", &h.Hostname)
	c.u64("start_wait_ns", &h.StartWaitNS)
	c.u64("name_wait_ns", &h.NameWaitNS)
}

func walkClock(c *codec, k *event.Clock) { c.i64("offset_ns", &k.OffsetNS) }

func walkCoverage(c *codec, v *event.Coverage) {
	word(c, "probe", &v.Probe)
	c.bool("live", &v.Live)
	word(c, "attach_method", &v.AttachMethod)
	word(c, "why", &v.Why)
	word(c, "subsystem", &v.Subsystem)
	c.bool("changed", &v.Changed)
}

func walkProcessID(c *codec, p *event.ProcessID) {
	c.u32("pid", &p.PID)
	c.u64("start_ns", &p.StartNS)
}

func walkOwner(c *codec, o *event.Owner) {
	c.u32("uid", &o.UID)
	c.u32("pid_namespace", &o.PIDNamespace)
}

func owner(c *codec, o *event.Owner) { nested(c, "owner", "Owner", o, walkOwner) }

func walkProgramID(c *codec, p *event.ProgramID) {
	process(c, "process", &p.Process)
	c.u32("exec", &p.Exec)
}

func process(c *codec, name string, p *event.ProcessID) {
	if c.mode == decoding { // there are many
		walkProcessID(c, p)
		return
	}
	nested(c, name, "ProcessID", p, walkProcessID)
}

func program(c *codec, name string, p *event.ProgramID) {
	nested(c, name, "ProgramID", p, walkProgramID)
}

func cgroupID(c *codec, name string, id *event.CgroupID) {
	*id = event.CgroupID(c.long(name, uint64(*id)))
}

func walkProgram(c *codec, p *event.Program) {
	program(c, "id", &p.ID)
	c.strings("argv", &p.Argv)
	c.bool("argv_truncated", &p.ArgvTruncated)
	c.bool("argv_unread", &p.ArgvUnread)
	c.bytes("exe", &p.Exe)
	c.bool("exe_truncated", &p.ExeTruncated)
	word(c, "source", &p.Source)
}

func walkProcess(c *codec, p *event.Process) {
	process(c, "id", &p.ID)
	process(c, "parent", &p.Parent)
	program(c, "program", &p.Program)
	c.bytes("comm", &p.Comm)
	c.u32("uid", &p.UID)
	cgroupID(c, "cgroup", &p.Cgroup)
	c.bool("preexisting", &p.Preexisting)
	c.bool("ancestry_cut", &p.AncestryCut)
	c.bool("exited", &p.Exited)
	c.u64("exit_ns", &p.ExitNS)
	c.u32("exit_code", &p.ExitCode)
	owner(c, &p.Owner)
}

func walkCgroup(c *codec, g *event.Cgroup) {
	cgroupID(c, "id", &g.ID)
	c.bytes("path", &g.Path)
	c.bool("truncated", &g.Truncated)
	delegated(c, &g.Delegated)
}

func walkDelegation(c *codec, d *event.Delegation) {
	c.u32("names", &d.Names)
	c.u32("uid", &d.UID)
}

func delegated(c *codec, d *event.Delegation) {
	nested(c, "delegated", "Delegation", d, walkDelegation)
}

func walkForget(c *codec, f *event.Forget) {
	process(c, "process", &f.Process)
	program(c, "program", &f.Program)
	cgroupID(c, "cgroup", &f.Cgroup)
}

func walkActive(c *codec, a *event.Active) {
	c.bool("at_end", &a.AtEnd)
	list(c, "cgroups", "Population", &a.Cgroups, walkPopulation)
	c.u32("unplaced", &a.Unplaced)
	c.bytes("why", &a.Why)
}

func walkPopulation(c *codec, p *event.Population) {
	c.bytes("path", &p.Path)
	c.bool("truncated", &p.Truncated)
	c.u32("processes", &p.Processes)
	delegated(c, &p.Delegated)
}

func walkIPVS(c *codec, i *event.IPVS) {
	c.i32("id", &i.ID)
	c.u32("size", &i.Size)
}

func walkInit(c *codec, i *event.Init) {
	word(c, "op", &i.Op)
	word(c, "subsystem", &i.Subsystem)
	c.u64("duration_ns", &i.DurationNS)
	optional(c, "ipvs", "IPVS", &i.IPVS, walkIPVS)
}

func walkCost(c *codec, k *event.Cost) {
	c.u64("lock_wait_ns", &k.LockWaitNS)
	c.bool("lock_unknown", &k.LockUnknown)
	list(c, "ops", "CostOp", &k.Ops, walkCostOp)
	c.u32("unlisted", &k.Unlisted)
	c.u64("unlisted_ns", &k.UnlistedNS)
}

func walkCostOp(c *codec, o *event.CostOp) {
	word(c, "op", &o.Op)
	c.bool("no_init", &o.NoInit)
	word(c, "subsystem", &o.Subsystem)
	word(c, "module", &o.Module)
	c.u64("duration_ns", &o.DurationNS)
}

func walkNetnsCreate(c *codec, n *event.NetnsCreate) {
	c.u64("serial", &n.Serial)
	process(c, "creator", &n.Creator)
	c.u32("tid", &n.TID)
	c.bytes("comm", &n.Comm)
	c.u32("uid", &n.UID)
	cgroupID(c, "cgroup", &n.Cgroup)
	word(c, "call", &n.Call)
	c.u32("inum", &n.Inum)
	c.u64("cookie", &n.Cookie)
	c.u32("parent_inum", &n.ParentInum)
	c.u32("errno", &n.Errno)
	c.u64("duration_ns", &n.DurationNS)
	c.bool("entry_missed", &n.EntryMissed)
	list(c, "init", "Init", &n.Init, walkInit)
	c.u32("ancestors_lost", &n.AncestorsLost)
	optional(c, "cost", "Cost", &n.Cost, walkCost)
}

func walkNetnsChild(c *codec, n *event.NetnsChild) {
	c.u64("serial", &n.Serial)
	process(c, "child", &n.Child)
}

func walkExec(c *codec, e *event.Exec) {
	process(c, "process", &e.Process)
	c.u64("serial", &e.Serial)
}

func walkExit(c *codec, e *event.Exit) { process(c, "process", &e.Process) }

func walkNetnsRelease(c *codec, n *event.NetnsRelease) {
	c.u64("serial", &n.Serial)
	c.u32("inum", &n.Inum)
	c.u64("cookie", &n.Cookie)
	process(c, "by", &n.By)
	c.u32("tid", &n.TID)
	c.bytes("comm", &n.Comm)
	word(c, "held", &n.Held)
	c.bool("exiting", &n.Exiting)
	c.u64("created_ns", &n.CreatedNS)
	c.u32("joins", &n.Joins)
}

func walkNetnsFree(c *codec, n *event.NetnsFree) {
	c.u64("serial", &n.Serial)
	c.u32("inum", &n.Inum)
	c.u64("cookie", &n.Cookie)
	c.u64("wait_ns", &n.WaitNS)
	c.u64("duration_ns", &n.DurationNS)
	c.u64("created_ns", &n.CreatedNS)
	c.u64("released_ns", &n.ReleasedNS)
}

func walkNetnsJoin(c *codec, n *event.NetnsJoin) {
	c.u64("serial", &n.Serial)
	c.u32("inum", &n.Inum)
	c.u64("cookie", &n.Cookie)
	c.u64("created_ns", &n.CreatedNS)
	process(c, "process", &n.Process)
	c.u32("tid", &n.TID)
	c.bytes("comm", &n.Comm)
	word(c, "how", &n.How)
	c.u32("ordinal", &n.Ordinal)
}

func walkNetnsLeave(c *codec, n *event.NetnsLeave) {
	c.u64("serial", &n.Serial)
	process(c, "process", &n.Process)
	c.u32("tid", &n.TID)
	c.bool("ending", &n.Ending)
}

func walkNetnsJoinCount(c *codec, n *event.NetnsJoinCount) {
	c.u64("serial", &n.Serial)
	c.u32("joins", &n.Joins)
}

func walkPernetInit(c *codec, n *event.PernetInit) {
	process(c, "by", &n.By)
	c.u32("tid", &n.TID)
	c.bytes("comm", &n.Comm)
	c.bytes("subsystem", &n.Subsystem)
	c.bytes("op", &n.Op)
	c.u32("namespaces", &n.Namespaces)
	c.u32("unfinished", &n.Unfinished)
	c.u64("duration_ns", &n.DurationNS)
	c.u32("errno", &n.Errno)
	c.u32("ancestors_lost", &n.AncestorsLost)
}

func walkBusMessage(c *codec, b *event.BusMessage) {
	process(c, "sender", &b.Sender)
	c.u32("tid", &b.TID)
	c.u32("bus", &b.Bus)
	c.bytes("path", &b.Path)
	c.bool("from_bus", &b.FromBus)
	c.u32("peer_pid", &b.PeerPID)
	process(c, "listener", &b.Listener)
	c.u32("size", &b.Size)
	c.data("data", &b.Data)
	c.u64("conn", &b.Conn)
	c.bool("copied", &b.Copied)
	word(c, "unread", &b.Unread)
}

func walkQuestion(c *codec, q *event.Question) {
	c.bytes("unit", &q.Unit)
	word(c, "manager", &q.Manager)
	c.u32("uid", &q.UID)
	process(c, "run", &q.Run)
	cgroupID(c, "cgroup", &q.Cgroup)
}

func walkUnit(c *codec, u *event.Unit) {
	nested(c, "question", "Question", &u.Question, walkQuestion)
	c.bytes("why", &u.Why)
	nested(c, "facts", "UnitFacts", &u.Unit, walkFacts)
	nested(c, "boot", "ManagerBoot", &u.Boot, walkBoot)
	process(c, "peer", &u.Peer)
	c.u64("monotonic_lag_ns", &u.MonotonicLagNS)
}

func walkBoot(c *codec, b *event.ManagerBoot) {
	c.bytes("version", &b.Version)
	c.u64("userspace_us", &b.UserspaceUS)
	c.u64("finish_us", &b.FinishUS)
}

func walkSetting(c *codec, s *event.UnitSetting) {
	word(c, "name", &s.Name)
	c.bytes("value", &s.Value)
	c.bytes("file", &s.File)
	c.int("line", &s.Line)
	word(c, "evidence", &s.Source)
}

func walkDependent(c *codec, d *event.UnitDependent) {
	c.bytes("name", &d.Name)
	word(c, "dependency", &d.Dependency)
}

func walkFacts(c *codec, u *event.UnitState) {
	c.bytes("name", &u.Name)
	c.strings("names", &u.Names)
	word(c, "manager", &u.Manager)
	c.u32("owner_uid", &u.OwnerUID)
	c.bytes("load_state", &u.LoadState)
	c.bytes("sub_state", &u.SubState)
	c.bool("transient", &u.Transient)
	c.bytes("fragment_path", &u.FragmentPath)
	c.strings("drop_in_paths", &u.DropInPaths)
	c.bool("need_daemon_reload", &u.NeedDaemonReload)
	c.bytes("bus_name", &u.BusName)
	c.u64("control_group_id", &u.ControlGroupID)
	c.u32("main_pid", &u.MainPID)
	c.bool("private_network", &u.PrivateNetwork)
	c.bytes("network_namespace_path", &u.NetworkNamespacePath)
	c.strings("joins_namespace_of", &u.JoinsNamespaceOf)
	list(c, "settings", "Setting", &u.Settings, walkSetting)
	c.strings("problems", &u.Problems)
	c.strings("triggered_by", &u.TriggeredBy)
	c.u64("last_trigger_us", &u.LastTriggerUS)
	c.strings("listens", &u.Listens)
	list(c, "dependents", "Dependent", &u.Dependents, walkDependent)
	c.bytes("type", &u.Type)
	c.bytes("restart", &u.Restart)
	c.u32("n_restarts", &u.NRestarts)
	c.u64("state_change_us", &u.StateChangeUS)
	c.u64("condition_us", &u.ConditionUS)
	c.u64("inactive_exit_us", &u.InactiveExitUS)
	c.u64("active_enter_us", &u.ActiveEnterUS)
	c.u64("inactive_enter_us", &u.InactiveEnterUS)
	c.bool("cut", &u.Cut)
}

func walkLoss(c *codec, l *event.Loss) {
	word(c, "kind", &l.Kind)
	c.u64("count", &l.Count)
	owner(c, &l.Owner)
}

func walkDamage(c *codec, d *event.Damage) {
	c.u64("offset", &d.Offset)
	c.u64("bytes", &d.Bytes)
	c.u64("blocks", &d.Blocks)
	c.bool("truncated", &d.Truncated)
	c.bytes("why", &d.Why)
	word(c, "code", &d.Code)
}

func walkEngineRequest(c *codec, r *event.EngineRequest) {
	process(c, "sender", &r.Sender)
	c.u32("tid", &r.TID)
	word(c, "engine", &r.Engine)
	process(c, "listener", &r.Listener)
	c.bytes("path", &r.Path)
	c.u64("conn", &r.Conn)
	word(c, "call", &r.Call)
	c.bytes("container", &r.Container)
	optional(c, "sandbox", "SandboxRequest", &r.Sandbox, walkSandbox)
	word(c, "unread", &r.Unread)
	c.bool("cut", &r.Cut)
}

func walkSandbox(c *codec, s *event.SandboxRequest) {
	c.bytes("namespace", &s.Namespace)
	c.bytes("name", &s.Name)
	c.bytes("uid", &s.UID)
	c.u32("attempt", &s.Attempt)
	c.bytes("source", &s.Source)
	list(c, "labels", "Label", &s.Labels, walkLabel)
	c.bytes("manifests", &s.Manifests)
}

func walkLabel(c *codec, l *event.Label) {
	c.bytes("key", &l.Key)
	c.bytes("value", &l.Value)
}

func walkCNI(c *codec, n *event.CNI) {
	c.u64("serial", &n.Serial)
	process(c, "process", &n.Process)
	c.bytes("command", &n.Command)
	c.bytes("container_id", &n.ContainerID)
	c.bytes("netns", &n.Netns)
	c.bytes("pod_namespace", &n.PodNamespace)
	c.bytes("pod_name", &n.PodName)
	c.bytes("pod_uid", &n.PodUID)
	c.bytes("sandbox", &n.Sandbox)
	c.bool("cut", &n.Cut)
}

func walkContainerQuestion(c *codec, q *event.ContainerQuestion) {
	word(c, "runtime", &q.Runtime)
	c.bytes("namespace", &q.Namespace)
	c.bytes("id", &q.ID)
	c.bytes("bundle", &q.Bundle)
}

func walkContainer(c *codec, n *event.Container) {
	nested(c, "question", "ContainerQuestion", &n.Question, walkContainerQuestion)
	c.bytes("why", &n.Why)
	c.bytes("name", &n.Name)
	c.bytes("image", &n.Image)
	c.bytes("restart_policy", &n.RestartPolicy)
	c.bytes("compose_project", &n.ComposeProject)
	c.bytes("compose_service", &n.ComposeService)
	c.bytes("pod_namespace", &n.PodNamespace)
	c.bytes("pod_name", &n.PodName)
	c.bytes("pod_uid", &n.PodUID)
	c.bytes("sandbox", &n.Sandbox)
	c.bytes("netns_path", &n.NetnsPath)
	c.bool("cut", &n.Cut)
}

func walkEnd(c *codec, e *event.End) { c.u64("seen", &e.Seen) }

// kind is a row of the table: how one type is walked over.
type kind struct {
	name   string
	typ    reflect.Type
	walk   func(*codec, any)
	decode func(*codec) any
	define func(*codec) string
}

// passing is kindOf for events that nobody keeps: they are allocated many at a time.
func passing[T any](name string, walk func(*codec, *T), room func(*rooms) *[]T) kind {
	k := kindOf(name, walk)
	k.decode = func(c *codec) any {
		list := room(&c.rooms)
		if len(*list) == 0 {
			*list = make([]T, roomEvents)
		}
		v := &(*list)[0]
		*list = (*list)[1:]
		walk(c, v)
		return v
	}
	return k
}

// roomEvents is how many events that nobody keeps are allocated at a time.
const roomEvents = 32

// rooms have place for the next of them.
type rooms struct {
	forgets  []event.Forget
	execs    []event.Exec
	exits    []event.Exit
	releases []event.NetnsRelease
	joins    []event.NetnsJoin
	leaves   []event.NetnsLeave
	plugins  []event.CNI
}

func kindOf[T any](name string, walk func(*codec, *T)) kind {
	return kind{
		name:   name,
		typ:    reflect.TypeFor[*T](),
		walk:   func(c *codec, v any) { walk(c, v.(*T)) },
		decode: func(c *codec) any { v := new(T); walk(c, v); return v },
		define: func(c *codec) string { schema, _ := define(c, name, new(T), walk); return schema },
	}
}

// kindIndex finds the row of a type.
var kindIndex = func() map[reflect.Type]int {
	index := make(map[reflect.Type]int, len(kinds))
	for i, k := range kinds {
		index[k.typ] = i
	}
	return index
}()

// record is one record of the file.
type record struct {
	bootNS uint64
	// restated is set for what repeats an earlier record, for those who have
	// not read that one.
	restated bool
	// body is an event.Body, a *segment or a *closing.
	body any
}

// appendRecord encodes a record as the schema says.
func appendRecord(buf []byte, r record) ([]byte, error) {
	i, known := kindIndex[reflect.TypeOf(r.body)]
	if !known {
		return buf, fmt.Errorf("record an event: no form for %T", r.body)
	}
	c := codec{mode: encoding, buf: buf}
	c.u64("boot_ns", &r.bootNS)
	c.bool("restated", &r.restated)
	c.long("", uint64(i))
	kinds[i].walk(&c, r.body)
	return c.buf, nil
}

// record takes the next record from the codec's bytes; false if they aren't
// one.
func (c *codec) record() (r record, ok bool) {
	c.u64("boot_ns", &r.bootNS)
	c.bool("restated", &r.restated)
	i := c.varint()
	if c.bad || i >= uint64(len(kinds)) {
		return r, false
	}
	r.body = kinds[i].decode(c)
	return r, !c.bad
}

// fileSchema is the Avro schema of the files that this version writes.
var fileSchema = buildSchema()

func buildSchema() string {
	c := &codec{mode: describing, defined: make(map[string]string)}
	var union []string
	for _, k := range kinds {
		union = append(union, k.define(c))
	}
	return `{"type":"record","name":"Observation","namespace":"nsblame","doc":"One observation of nsblame's: see docs/recording.md in its source.","fields":[` +
		`{"name":"boot_ns","type":"long","doc":"nanoseconds since boot, suspend included"},` +
		`{"name":"restated","type":"boolean","doc":"repeats an earlier record","default":false},` +
		`{"name":"body","type":[` + strings.Join(union, ",") + `]}]}`
}

func walkSocketConnect(c *codec, n *event.SocketConnect) {
	process(c, "sender", &n.Sender)
	c.u32("tid", &n.TID)
	process(c, "listener", &n.Listener)
	c.bytes("path", &n.Path)
}
