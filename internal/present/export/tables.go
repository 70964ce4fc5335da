package export

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
)

// SchemaVersion is the version of the tables. It changes only when a column changes its
// name, its type or its meaning. Columns may be added at any time.
const SchemaVersion = "1"

// schemaKey is under which key files that have metadata say so.
const schemaKey = "nsblame.schema"

// table numbers the tables.
type table int

const (
	tableCreations table = iota
	tableFors
	tableJoins
	tableEnds
	tableCauses
	tableLosses
	tableRecordings
	tableCount
)

// tables are all of them. The last one is written last.
var tables = [tableCount]Table{
	tableCreations:  {"creations", "a creation of a network namespace, or a try that failed", columns(creationFields)},
	tableFors:       {"fors", "for whom a namespace was made, where that became known after its creation was written", columns(forRowFields)},
	tableJoins:      {"joins", "a process that entered a namespace", columns(joinFields)},
	tableEnds:       {"ends", "a step in the end of a namespace", columns(endFields)},
	tableCauses:     {"causes", "a root cause with what it did on that day in that recording: add up what has the same cause", columns(causeFields)},
	tableLosses:     {"losses", "something that was lost, damaged or not watched", columns(lossFields)},
	tableRecordings: {"recordings", "a recording that was read", columns(recordingFields)},
}

// Tables returns all tables, in the order in which documents have them.
func Tables() []Table { return tables[:] }

// moment is when something happened, in which recording.
type moment struct {
	in     *host
	bootNS uint64
	unixUS int64
	known  bool
}

// common are the columns of every table but recordings.
func common[T any](of func(*T) *moment) []field[T] {
	return append(whose(func(t *T) *host { return of(t).in }),
		field[T]{"time", Time, "when it was; null before the clock is known", func(t *T) value { return value{set: of(t).known, num: of(t).unixUS} }},
		field[T]{"boot_ns", Int, "the same in nanoseconds since boot, suspend included", func(t *T) value { return number(of(t).bootNS) }},
	)
}

// whose says which recording a row is of.
func whose[T any](of func(*T) *host) []field[T] {
	return []field[T]{
		{"recording", Text, "stands for the recording; the same in all files of a set", func(t *T) value { return text(of(t).recording) }},
		{"hostname", Text, "the machine's name (`uname -n`); null where it was redacted", func(t *T) value { return text(of(t).Hostname) }},
		{"machine_id", Text, "stands for the machine, whatever its name", func(t *T) value { return text(of(t).MachineID) }},
		{"boot_id", Text, "the boot of the machine", func(t *T) value { return text(of(t).BootID) }},
	}
}

// processFields describe a process, which may be nil.
func processFields[T any](prefix, what string, of func(*T) *lineage.Process) []field[T] {
	one := func(name string, kind Type, is string, get func(*lineage.Process) value) field[T] {
		return field[T]{prefix + name, kind, is + what, func(t *T) value {
			if p := of(t); p != nil {
				return get(p)
			}
			return value{}
		}}
	}
	return []field[T]{
		one("pid", Int, "the pid of ", func(p *lineage.Process) value { return number(p.ID.PID) }),
		one("start_ns", Int, "the start since boot of ", func(p *lineage.Process) value { return number(p.ID.StartNS) }),
		one("comm", Text, "the name of ", func(p *lineage.Process) value { return text(p.Comm) }),
		one("argv", Text, "the command line, a JSON array of ", func(p *lineage.Process) value { return list(p.Argv) }),
		one("exe", Text, "the executable of ", func(p *lineage.Process) value { return text(p.Exe) }),
		one("uid", Int, "the user of ", func(p *lineage.Process) value { return numberIf(p.UID, !p.Unresolved) }),
	}
}

// placeFields say where a process belongs.
func placeFields[T any](prefix, what string, of func(*T) *cgroup.Placement) []field[T] {
	container := func(t *T) *cgroup.Container {
		if c := of(t).Container; c != nil {
			return c
		}
		return &cgroup.Container{}
	}
	return []field[T]{
		{prefix + "unit", Text, "the unit of " + what, func(t *T) value { return text(of(t).Unit) }},
		{prefix + "unit_manager", Text, "whose unit it is: `system` or `user`", func(t *T) value { return text(of(t).Manager) }},
		{prefix + "unit_uid", Int, "with `user`: that user", func(t *T) value {
			p := of(t)
			return numberIf(p.OwnerUID, p.HasOwner && p.Manager == event.ManagerUser)
		}},
		{prefix + "guest_unit", Text, "the unit of the service manager in the container: the container's word", func(t *T) value { return text(of(t).GuestUnit) }},
		{prefix + "container", Text, "the id of the container of " + what, func(t *T) value { return text(container(t).ID) }},
		{prefix + "container_runtime", Text, "its runtime", func(t *T) value { return text(container(t).Runtime) }},
		{prefix + "container_claimed", Bool, "a user or another container chose that id", func(t *T) value {
			return value{set: of(t).Container != nil, num: truth(container(t).Claimed).num}
		}},
	}
}

// forFields say for whom a namespace was made.
func forFields[T any](of func(*T) *finding.For) []field[T] {
	whom := func(t *T) finding.For {
		if f := of(t); f != nil {
			return *f
		}
		return finding.For{}
	}
	container := func(t *T) finding.Container {
		if c := whom(t).Container; c != nil {
			return *c
		}
		return finding.Container{}
	}
	pod := func(t *T) finding.Pod {
		if p := whom(t).Pod; p != nil {
			return *p
		}
		return finding.Pod{}
	}
	workload := func(t *T) finding.Workload {
		if w := pod(t).Workload; w != nil {
			return *w
		}
		return finding.Workload{}
	}
	return []field[T]{
		{"for_evidence", Text, "the evidence of for whom it was made; null if for nobody but the creator", func(t *T) value { return text(whom(t).Evidence) }},
		{"for_why_code", Text, "why that is not known, or no better", func(t *T) value { return text(whom(t).Why.Code) }},
		{"for_container", Text, "the id of the container that it was made for", func(t *T) value { return text(container(t).ID) }},
		{"for_container_name", Text, "its name", func(t *T) value { return text(container(t).Name) }},
		{"for_container_runtime", Text, "its runtime", func(t *T) value { return text(container(t).Runtime) }},
		{"for_image", Text, "its image", func(t *T) value { return text(container(t).Image) }},
		{"for_restart_policy", Text, "its restart policy", func(t *T) value { return text(container(t).RestartPolicy) }},
		{"for_compose_project", Text, "its project of docker compose", func(t *T) value { return text(container(t).ComposeProject) }},
		{"for_compose_service", Text, "its service of docker compose", func(t *T) value { return text(container(t).ComposeService) }},
		{"pod_namespace", Text, "the namespace of the pod that it was made for", func(t *T) value { return text(pod(t).Namespace) }},
		{"pod", Text, "the name of that pod", func(t *T) value { return text(pod(t).Name) }},
		{"pod_uid", Text, "its uid", func(t *T) value { return text(pod(t).UID) }},
		{"pod_attempt", Int, "how many sandboxes the pod had before", func(t *T) value {
			if n := pod(t).Attempt; n != nil {
				return number(*n)
			}
			return value{}
		}},
		{"pod_source", Text, "where the kubelet has it from: `api`, `file` or `http`", func(t *T) value { return text(pod(t).Source) }},
		{"pod_revision", Text, "the rollout: its label `pod-template-hash`, or else `controller-revision-hash`", func(t *T) value { return text(revision(pod(t).Labels)) }},
		{"pod_labels", Text, "its labels that were captured, a JSON object; in `raw_base64` a list of keys and values by turns", func(t *T) value { return labels(pod(t).Labels) }},
		{"workload_kind", Text, "what the pod belongs to, as `Deployment` or `CronJob`", func(t *T) value { return text(workload(t).Kind) }},
		{"workload", Text, "the name of that", func(t *T) value { return text(workload(t).Name) }},
		{"workload_evidence", Text, "`claimed` if labels name it, `inferred` if only names tell", func(t *T) value { return text(workload(t).Evidence) }},
	}
}

// revision is what a rollout changes.
func revision(list []event.Label) (hash string) {
	for _, l := range list {
		switch {
		case l.Key == "pod-template-hash":
			return l.Value
		case l.Key == "controller-revision-hash":
			hash = l.Value
		}
	}
	return hash
}

// labels are the text of a JSON object. Kubernetes allows nothing but UTF-8 in them, but
// whoever asks a runtime for a sandbox may be somebody else.
func labels(list []event.Label) value {
	if len(list) == 0 {
		return value{}
	}
	set := make(map[string]string, len(list))
	var all []string
	whole := true
	for _, l := range list {
		set[valid(l.Key, &whole)] = valid(l.Value, &whole)
		all = append(all, l.Key, l.Value)
	}
	if whole {
		all = nil
	}
	out, err := json.Marshal(set)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return value{set: true, text: string(out), lost: all}
}

// valid is a text that is UTF-8, and whether that is all of it.
func valid(s string, whole *bool) string {
	if utf8.ValidString(s) {
		return s
	}
	*whole = false
	return render.Escape(s)
}

// creation is a row of creations.
type creation struct {
	moment
	*finding.Attribution
	cause causeID
}

var creationFields = concat(
	common(func(c *creation) *moment { return &c.moment }),
	[]field[creation]{
		{"serial", Int, "the creation's number within the recording, from which joins and ends refer to it", func(c *creation) value { return number(c.Netns.Serial) }},
		{"inum", Int, "the inode number of the namespace, which is reused; null if the creation failed", func(c *creation) value { return numberIf(c.Netns.Inum, c.Netns.Inum != 0) }},
		{"cookie", Int, "its cookie, which is not reused until a boot; null where the kernel has none", func(c *creation) value { return numberIf(c.Netns.Cookie, c.Netns.Cookie != 0) }},
		{"parent_inum", Int, "the caller's namespace", func(c *creation) value { return number(c.Netns.ParentInum) }},
		{"call", Text, "`unshare`, `clone` or `unknown`", func(c *creation) value { return text(c.Netns.Call) }},
		{"failed", Bool, "the creation failed", func(c *creation) value { return truth(c.Netns.Errno != 0) }},
		{"error", Text, "the errno's name; null for none", func(c *creation) value {
			if c.Netns.Errno == 0 {
				return value{}
			}
			return text(render.Errno(c.Netns.Errno))
		}},
		{"duration_ns", Int, "the time in the kernel's `copy_net_ns`; null if its beginning was not seen", func(c *creation) value { return numberIf(c.Netns.DurationNS, !c.Netns.EntryMissed) }},
		{"subsystem_ns", Text, "what of that subsystems took, a JSON object from their names to nanoseconds; in `raw_base64` the names that are escaped", func(c *creation) value { return subsystems(&c.Netns) }},
		{"lock_wait_ns", Int, "the wait for the lock of all creations; null unless `--cost` was given", func(c *creation) value {
			if k := c.Netns.Cost; k != nil {
				return numberIf(k.LockWaitNS, !k.LockUnknown)
			}
			return value{}
		}},
	},
	processFields("", "the creator at that moment, with `clone` the caller", func(c *creation) *lineage.Process { return &c.Process }),
	[]field[creation]{
		{"exec_comm", Text, "the creator's name after the exec that followed", func(c *creation) value {
			if e := c.Process.Exec; e != nil {
				return text(e.Comm)
			}
			return value{}
		}},
		{"cgroup", Text, "the creator's cgroup", func(c *creation) value { return text(c.Process.Cgroup) }},
	},
	placeFields("", "the creator", func(c *creation) *cgroup.Placement { return &c.Placement }),
	forFields(func(c *creation) *finding.For { return c.For }),
	[]field[creation]{
		{"cause", Text, "stands for the root cause, on every machine the same; see causes", func(c *creation) value { return text(c.cause.text()) }},
		{"trigger", Text, "the kind of origin", func(c *creation) value { return text(c.Origin.Trigger) }},
		{"evidence", Text, "the evidence of the origin, that of the weakest link", func(c *creation) value { return text(c.Origin.Evidence) }},
		{"why_code", Text, "why the origin is not known, or its evidence no better", func(c *creation) value { return text(c.Origin.Why.Code) }},
		{"chain", Text, "the codes of the chain's links from the creator to the origin, a JSON array", func(c *creation) value { return list(chain(c.Links)) }},
	},
	processFields("origin_", "who asked, or acted by itself; null where no process did", func(c *creation) *lineage.Process { return c.Origin.Process }),
	placeFields("origin_", "that process, or the unit that the trigger names", func(c *creation) *cgroup.Placement { return &c.Origin.Placement }),
	[]field[creation]{
		{"cut", Bool, "something of it was not recorded whole", func(c *creation) value { return truth(c.Cut()) }},
	},
)

func concat[T any](lists ...[]T) (all []T) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func chain(links []finding.Link) []string {
	out := make([]string, len(links))
	for i := range links {
		out[i] = string(links[i].Code())
	}
	return out
}

// subsystems is what subsystems took of a creation.
func subsystems(n *event.NetnsCreate) value {
	if len(n.Init) == 0 && n.Cost == nil {
		return value{}
	}
	took := make(map[string]uint64)
	var lost []string
	add := func(name string, ns uint64) {
		shown := render.Escape(name)
		took[shown] += ns
		if shown != name && !slices.Contains(lost, name) {
			lost = append(lost, name)
		}
	}
	if n.Cost != nil { // what init has is among the ops
		for i := range n.Cost.Ops {
			add(n.Cost.Ops[i].Subsystem, n.Cost.Ops[i].DurationNS)
		}
	} else {
		for i := range n.Init {
			add(n.Init[i].Subsystem, n.Init[i].DurationNS)
		}
	}
	out, err := json.Marshal(took)
	if err != nil {
		panic(err) // numbers can always be encoded
	}
	return value{set: true, text: string(out), lost: lost}
}

// forRow is a row of fors.
type forRow struct {
	moment
	*finding.NetnsFor
}

var forRowFields = concat(
	common(func(f *forRow) *moment { return &f.moment }),
	[]field[forRow]{{"serial", Int, "the creation's", func(f *forRow) value {
		if f.Created == nil {
			return value{}
		}
		return number(f.Created.Netns.Serial)
	}}},
	forFields(func(f *forRow) *finding.For { return f.For }),
)

// join is a row of joins.
type join struct {
	moment
	*finding.Joined
}

var joinFields = concat(
	common(func(j *join) *moment { return &j.moment }),
	[]field[join]{
		{"serial", Int, "the creation's", func(j *join) value { return number(j.Netns.Serial) }},
		{"inum", Int, "the inode number of the namespace", func(j *join) value { return number(j.Netns.Inum) }},
		{"cookie", Int, "its cookie; null where the kernel has none", func(j *join) value { return numberIf(j.Netns.Cookie, j.Netns.Cookie != 0) }},
		{"how", Text, "`setns` or `fork`", func(j *join) value { return text(j.Netns.How) }},
		{"ordinal", Int, "the place among the joins of the namespace, from 1", func(j *join) value { return number(j.Netns.Ordinal) }},
		{"age_ns", Int, "the age of the namespace", func(j *join) value { return numberIf(j.Age()) }},
		{"next", Text, "what the process did next: `exec`, `left` or `ended`; null for none of that in the time", func(j *join) value { return text(j.Then) }},
		{"next_after_ns", Int, "how long after the join that was", func(j *join) value { return numberIf(j.ThenNS, j.Then != finding.ThenNothing) }},
		{"occupant", Bool, "it moved in; else it was a visitor", func(j *join) value { return truth(j.Occupant()) }},
	},
	processFields("", "the process that entered", func(j *join) *lineage.Process { return &j.Process }),
	placeFields("", "the process that entered", func(j *join) *cgroup.Placement { return &j.Placement }),
)

// end is a row of ends.
type end struct {
	moment
	*finding.Ended
}

func (e *end) release() *finding.Release {
	if e.Ended.Release != nil {
		return e.Ended.Release
	}
	return &finding.Release{}
}

func (e *end) free() event.NetnsFree {
	if e.Free != nil {
		return *e.Free
	}
	return event.NetnsFree{}
}

func (e *end) serial() uint64 {
	if e.Free != nil {
		return e.Free.Serial
	}
	return e.release().Netns.Serial
}

var endFields = concat(
	common(func(e *end) *moment { return &e.moment }),
	[]field[end]{
		{"serial", Int, "the creation's; null if that was not seen", func(e *end) value { return numberIf(e.serial(), e.serial() != 0) }},
		{"inum", Int, "the inode number of the namespace", func(e *end) value { return number(e.Inum()) }},
		{"cookie", Int, "its cookie; null where the kernel has none", func(e *end) value { return numberIf(e.Cookie(), e.Cookie() != 0) }},
		{"step", Text, "`released` (the last reference was dropped) or `freed` (the kernel has torn it down)", func(e *end) value {
			if e.Free != nil {
				return text("freed")
			}
			return text("released")
		}},
		{"lifetime_ns", Int, "from the creation to the release; null if the creation was not seen", func(e *end) value { return numberIf(e.Lifetime()) }},
		{"wait_ns", Int, "with `freed`: from the release to the beginning of the teardown", func(e *end) value { return numberIf(e.free().WaitNS, e.Free != nil) }},
		{"teardown_ns", Int, "with `freed`: how long the teardown took", func(e *end) value { return numberIf(e.free().DurationNS, e.Free != nil) }},
		{"held", Text, "what the last reference was: `process`, `mount`, `file`, `nsfs` or `clone`", func(e *end) value { return text(e.release().Netns.Held) }},
		{"joins", Int, "how often the namespace was entered", func(e *end) value { return numberIf(e.release().Netns.Joins, e.Ended.Release != nil) }},
	},
	processFields("", "who dropped the last reference; null where the kernel did", func(e *end) *lineage.Process { return e.release().By }),
)

// causeID stands for a cause.
type causeID uint64

// text is null for none.
func (id causeID) text() string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf("%016x", uint64(id))
}

// causeRow is a row of causes: what a cause did since the last one.
type causeRow struct {
	moment
	id, family      causeID
	cause           report.Cause
	created, failed uint64
	last            int64
}

var causeFields = concat(
	whose(func(c *causeRow) *host { return c.in }),
	[]field[causeRow]{
		{"cause", Text, "stands for the cause, on every machine the same", func(c *causeRow) value { return text(c.id.text()) }},
		{"family", Text, "stands for all causes that differ in the arguments of their command alone; null without arguments", func(c *causeRow) value { return text(c.family.text()) }},
		{"first_time", Time, "its first creation that is counted here", func(c *causeRow) value { return value{set: c.known, num: c.unixUS} }},
		{"last_time", Time, "its last one", func(c *causeRow) value { return value{set: c.known, num: c.last} }},
		{"creations", Int, "its creations, tries that failed included", func(c *causeRow) value { return number(c.created) }},
		{"failed", Int, "its tries that failed", func(c *causeRow) value { return number(c.failed) }},
		{"trigger", Text, "the kind of origin", func(c *causeRow) value { return text(c.cause.Trigger) }},
		{"why_code", Text, "with `unknown`: where the evidence ends", func(c *causeRow) value { return text(c.cause.Why.Code) }},
		{"origin_unit", Text, "the unit that it began in, `*` for what changes from run to run", func(c *causeRow) value { return text(c.cause.Origin.Unit) }},
		{"origin_unit_uid", Int, "the user whose manager's unit that is", func(c *causeRow) value { return numberIf(c.cause.Origin.OwnerUID, c.cause.Origin.HasOwner) }},
		{"command", Text, "the command that it began with, a JSON array; its own pids are `<pid>` and ids of containers `<id>`", func(c *causeRow) value { return list(c.cause.Command) }},
		{"comm", Text, "its name, if the command doesn't tell", func(c *causeRow) value { return text(c.cause.Comm) }},
		{"uid", Int, "the user who ran it", func(c *causeRow) value { return numberIf(c.cause.UID, c.cause.HasUID) }},
		{"unit", Text, "the unit in which the namespaces were made", func(c *causeRow) value { return text(c.cause.Creator.Unit) }},
		{"unit_uid", Int, "the user whose manager's unit that is", func(c *causeRow) value { return numberIf(c.cause.Creator.OwnerUID, c.cause.Creator.HasOwner) }},
		{"guest_unit", Text, "the unit of the service manager in a container that it began in", func(c *causeRow) value { return text(c.cause.Guest) }},
		{"activated", Text, "the bus name whose activation was asked for", func(c *causeRow) value { return text(c.cause.Activated) }},
		{"settings", Text, "the settings that made the namespaces, a JSON array of NAME=VALUE", func(c *causeRow) value { return list(settings(c.cause.Settings)) }},
		{"container", Text, "the container that its policy restarts", func(c *causeRow) value { return text(c.cause.Whom.Container) }},
		{"pod_namespace", Text, "the namespace of the pods that it was done for", func(c *causeRow) value { return text(c.cause.Whom.PodNamespace) }},
		{"pod", Text, "the pod, if it belongs to no known workload", func(c *causeRow) value { return text(c.cause.Whom.Pod) }},
		{"workload_kind", Text, "what the pods belong to", func(c *causeRow) value {
			if w := c.cause.Whom.Workload; w != nil {
				return text(w.Kind)
			}
			return value{}
		}},
		{"workload", Text, "the name of that", func(c *causeRow) value {
			if w := c.cause.Whom.Workload; w != nil {
				return text(w.Name)
			}
			return value{}
		}},
	},
)

func settings(list []event.UnitSetting) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.Name+"="+s.Value)
	}
	return out
}

// loss is a row of losses.
type loss struct {
	moment
	kind, what, why string
	count           uint64
	owner           *event.Owner
	damage          *event.Damage
}

var lossFields = concat(
	common(func(l *loss) *moment { return &l.moment }),
	[]field[loss]{
		{"kind", Text, "`loss` (records were dropped), `damage` (a part of the recording cannot be read) or `probe` (it was not attached)", func(l *loss) value { return text(l.kind) }},
		{"what", Text, "the kind of loss, the code of the damage, or the name of the probe", func(l *loss) value { return text(l.what) }},
		{"count", Int, "how many were lost; the blocks of a damage, at least", func(l *loss) value { return numberIf(l.count, l.kind != "probe") }},
		{"owner_uid", Int, "the user whose they were; null if they may be anybody's", func(l *loss) value {
			if l.owner == nil || l.owner.IsZero() {
				return value{}
			}
			return number(l.owner.UID)
		}},
		{"offset", Int, "where the damage begins in the file", func(l *loss) value {
			if l.damage == nil {
				return value{}
			}
			return number(l.damage.Offset)
		}},
		{"bytes", Int, "how long it is", func(l *loss) value {
			if l.damage == nil {
				return value{}
			}
			return number(l.damage.Bytes)
		}},
		{"why", Text, "why, in words", func(l *loss) value { return text(l.why) }},
	},
)

// recordingRow is a row of recordings.
type recordingRow struct {
	*host
	begin, until moment
	whole        bool
	finding.Summary
}

var recordingFields = concat(
	whose(func(r *recordingRow) *host { return r.host }),
	[]field[recordingRow]{
		{"begin_time", Time, "its first event", func(r *recordingRow) value { return value{set: r.begin.known, num: r.begin.unixUS} }},
		{"end_time", Time, "its last event", func(r *recordingRow) value { return value{set: r.until.known, num: r.until.unixUS} }},
		{"observed_ns", Int, "how long that is", func(r *recordingRow) value { return number(r.until.bootNS - r.begin.bootNS) }},
		{"whole", Bool, "it was ended in good order", func(r *recordingRow) value { return truth(r.whole) }},
		{"nsblame", Text, "the version that made it", func(r *recordingRow) value { return text(r.Version) }},
		{"kernel", Text, "the kernel's release", func(r *recordingRow) value { return text(r.Kernel) }},
		{"arch", Text, "the machine's architecture", func(r *recordingRow) value { return text(r.Arch) }},
		{"redacted", Text, "what was hidden when it was made", func(r *recordingRow) value { return text(r.host.Redacted) }},
		{"seen", Int, "creations that the kernel counted", func(r *recordingRow) value { return number(r.Seen) }},
		{"exported", Int, "those with a row in creations", func(r *recordingRow) value { return number(r.Printed) }},
		{"alive", Int, "those of them that were not released; null if no probe sees that", func(r *recordingRow) value { return numberIf(r.Life.Alive, r.Life.Known) }},
		{"joins_unreported", Int, "joins that were only counted", func(r *recordingRow) value { return number(r.Life.Unreported) }},
		{"lost", Int, "records that were dropped, of all kinds", func(r *recordingRow) value { return number(r.LostTotal()) }},
		{"cut", Int, "creations of which something was not recorded whole", func(r *recordingRow) value { return number(r.Cut) }},
		{"bus_cut", Int, "bus messages of which too little was captured", func(r *recordingRow) value { return number(r.BusCut) }},
		{"damages", Int, "parts of it that cannot be read", func(r *recordingRow) value { return number(r.Damages) }},
		{"damaged_bytes", Int, "how long they are", func(r *recordingRow) value { return number(r.DamagedBytes) }},
	},
)
