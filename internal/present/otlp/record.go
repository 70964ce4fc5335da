package otlp

import (
	"strconv"
	"unicode/utf8"

	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
)

const (
	info = logs.SeverityNumber_SEVERITY_NUMBER_INFO
	warn = logs.SeverityNumber_SEVERITY_NUMBER_WARN
)

// attributes are a list that grows.
type attributes struct{ list []*common.KeyValue }

func (a *attributes) add(key string, v *common.AnyValue) {
	a.list = append(a.list, &common.KeyValue{Key: key, Value: v})
}

// text adds a text, unless it is empty.
func (a *attributes) text(key, s string) {
	if s != "" {
		a.add(key, textValue(s))
	}
}

func (a *attributes) texts(key string, list []string) {
	if len(list) == 0 {
		return
	}
	values := make([]*common.AnyValue, len(list))
	for i, s := range list {
		values[i] = textValue(s)
	}
	a.add(key, &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: values}}})
}

// uint adds a number. OTLP has signed ones; none of nsblame's is beyond those.
func (a *attributes) uint(key string, n uint64) {
	a.add(key, &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(n)}})
}

// textValue is a string, or bytes if it is no UTF-8: so no byte is lost.
func textValue(s string) *common.AnyValue {
	if !utf8.ValidString(s) {
		return &common.AnyValue{Value: &common.AnyValue_BytesValue{BytesValue: []byte(s)}}
	}
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

// record is a log record that grows.
type record struct {
	attributes
	log *logs.LogRecord
}

func newRecord(name string, severity logs.SeverityNumber, text string) *record {
	word := "INFO"
	if severity == warn {
		word = "WARN"
	}
	return &record{log: &logs.LogRecord{EventName: name, SeverityNumber: severity, SeverityText: word, Body: textValue(text)}}
}

func (r *record) identity(inum uint32, cookie uint64) {
	if inum != 0 {
		r.uint("nsblame.netns.inum", uint64(inum))
	}
	if cookie != 0 {
		r.uint("nsblame.netns.cookie", cookie)
	}
}

// cause names the root cause as the JSON of a report does.
func (r *record) cause(k *finding.Attribution) {
	id := report.Identify(k)
	r.text("nsblame.cause.id", render.CauseID(id.ID))
	if id.FamilyID != 0 {
		r.text("nsblame.cause.family_id", render.CauseID(id.FamilyID))
	}
}

func (r *record) netns(k *finding.Attribution) {
	n := &k.Netns
	r.identity(n.Inum, n.Cookie)
	r.text("nsblame.call", string(n.Call))
	if !n.EntryMissed {
		r.uint("nsblame.duration_ns", n.DurationNS)
	}
	if n.Errno != 0 {
		name, known := render.ErrnoName(n.Errno)
		if !known {
			name = strconv.FormatUint(uint64(n.Errno), 10)
		}
		r.text("error.type", name)
	}
}

// process adds the creator, after the exec that followed.
func (r *record) process(prefix string, k *finding.Attribution) {
	p := &k.Process
	if p.Exec != nil {
		p = p.Exec
	}
	r.programOf(prefix, p)
	if len(k.Ancestry) > 0 {
		r.uint(prefix+"parent_pid", uint64(k.Ancestry[0].ID.PID))
	}
	r.text(prefix+"linux.cgroup", k.Process.Cgroup)
}

func (r *record) programOf(prefix string, p *lineage.Process) {
	r.uint(prefix+"pid", uint64(p.ID.PID))
	if p.Unresolved {
		return
	}
	r.uint(prefix+"real_user.id", uint64(p.UID))
	r.text(prefix+"executable.path", p.Exe)
	if p.ArgvInherited { // they are the parent's
		r.text(prefix+"title", p.Comm)
		return
	}
	r.texts(prefix+"command_args", p.Argv)
}

func (r *record) origin(o *finding.Origin) {
	r.text("nsblame.origin.trigger", string(o.Trigger))
	r.text("nsblame.origin.evidence", string(o.Evidence))
	r.text("nsblame.origin.why", string(o.Why.Code))
	r.text("nsblame.origin.unit", unitName(&o.Placement))
	if o.Process != nil {
		r.programOf("nsblame.origin.process.", o.Process)
	}
}

// whom adds for whom it was made; else the container that the creator is in.
func (r *record) whom(f *finding.For, p *cgroup.Placement) {
	if f == nil || f.Container == nil && f.Pod == nil {
		if p.Container != nil {
			r.text("container.id", p.Container.ID)
			r.text("container.runtime.name", p.Container.Runtime)
		}
		return
	}
	r.text("nsblame.for.evidence", string(f.Evidence))
	if c := f.Container; c != nil {
		r.text("container.id", c.ID)
		r.text("container.name", c.Name)
		r.text("container.image.name", c.Image)
		r.text("container.runtime.name", c.Runtime)
	}
	if pod := f.Pod; pod != nil {
		r.text("k8s.namespace.name", pod.Namespace)
		r.text("k8s.pod.name", pod.Name)
		r.text("k8s.pod.uid", pod.UID)
		if w := pod.Workload; w != nil {
			if key, ok := workloadKeys[w.Kind]; ok {
				r.text(key, w.Name)
			}
		}
	}
}

// workloadKeys are the attributes of what a pod belongs to.
var workloadKeys = map[string]string{
	"Job": "k8s.job.name", "CronJob": "k8s.cronjob.name", "ReplicaSet": "k8s.replicaset.name",
	"DaemonSet": "k8s.daemonset.name", "StatefulSet": "k8s.statefulset.name", "Deployment": "k8s.deployment.name",
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
