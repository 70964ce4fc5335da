package otlp_test

import (
	"errors"
	"os"
	"regexp"
	"testing"

	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/present/otlp"
)

// collect gives findings to a consumer, and reads its records as one request.
func collect(t *testing.T, list ...finding.Finding) []*logs.ResourceLogs {
	t.Helper()
	var all []byte
	c := otlp.New(func(r []byte) error { all = append(all, r...); return nil }, [otlp.RunSize]byte{1})
	for _, f := range list {
		if err := c.Consume(f); err != nil {
			t.Fatal(err)
		}
	}
	var req collogs.ExportLogsServiceRequest
	if err := proto.Unmarshal(all, &req); err != nil {
		t.Fatal(err)
	}
	return req.GetResourceLogs()
}

func attributes(list []*common.KeyValue) map[string]*common.AnyValue {
	out := make(map[string]*common.AnyValue)
	for _, a := range list {
		out[a.GetKey()] = a.GetValue()
	}
	return out
}

func observed(boot uint64, body event.Body) *finding.Observed {
	return &finding.Observed{Event: event.Event{BootNS: boot, Body: body}}
}

var host = observed(1, &event.Host{Version: "v1", Hostname: "node", Kernel: "6.1", Arch: "amd64", BootID: "b", MachineID: "m", ClockOffsetNS: 1e18})

func creation(workload string) *finding.Created {
	attempt := uint32(1)
	own := lineage.Process{
		ID: event.ProcessID{PID: 7, StartNS: 1}, Argv: []string{"job", "\xff"}, Exe: "/bin/job", UID: 3, Cgroup: "/system.slice/cron.service",
	}
	child := own
	child.Argv, child.ArgvInherited, child.Comm = nil, true, "(job)"
	k := &finding.Attribution{
		Creation: &lineage.Creation{BootNS: 5e9, Netns: event.NetnsCreate{Call: event.CallUnshare, Inum: 42, Cookie: 9}, Process: own, Ancestry: []lineage.Process{{ID: event.ProcessID{PID: 1}}}},
		Origin:   finding.Origin{Trigger: finding.TriggerCommand, Process: &child, Evidence: evidence.Kernel, Why: finding.Reason{Code: "other_asked"}},
		For: &finding.For{
			Evidence: evidence.Runtime, Container: &finding.Container{ID: "c", Name: "n", Image: "i", Runtime: "docker"},
			Pod: &finding.Pod{Namespace: "shop", Name: "web", UID: "u", Attempt: &attempt, Workload: &finding.Workload{Kind: workload, Name: "w"}},
		},
	}
	k.Placement = finding.Place(&own)
	k.Origin.Placement = k.Placement
	return &finding.Created{Attribution: k, Selected: true}
}

// all are findings with each attribute that there is.
func all() []finding.Finding {
	failed := creation("Job")
	failed.Netns.Errno, failed.Netns.Inum = 28, 0
	list := []finding.Finding{host, failed}
	for _, kind := range []string{"CronJob", "ReplicaSet", "DaemonSet", "StatefulSet", "Deployment"} {
		list = append(list, creation(kind))
	}
	alone := creation("")
	alone.Origin.Process = &alone.Process
	forked := creation("")
	forked.Process = *forked.Origin.Process
	k := alone.Attribution
	return append(
		list, alone, forked, &finding.NetnsFor{BootNS: 6e9, Created: k, For: k.For},
		&finding.Ended{BootNS: 7e9, Created: k, Release: &finding.Release{BootNS: 7e9, Netns: event.NetnsRelease{Inum: 42, Cookie: 9, CreatedNS: 5e9}}},
		&finding.Covered{Coverage: &event.Coverage{Probe: "x"}}, &finding.Lost{Loss: &event.Loss{Kind: event.LossRequest, Count: 3}},
		&finding.Damaged{Damage: &event.Damage{Bytes: 4}}, &finding.Summary{Life: finding.Counts{Known: true}},
	)
}

// docs/otlp.md has each attribute and each event.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/otlp.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for _, m := range regexp.MustCompile("`([a-z0-9_]+(?:\\.[a-z0-9_]+)+)`").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = false
	}
	delete(documented, "json.md")
	use := func(name string) {
		if _, ok := documented[name]; !ok {
			t.Errorf("%s is not documented", name)
		}
		documented[name] = true
	}
	var dropped collogs.ExportLogsServiceRequest
	if err := proto.Unmarshal(otlp.Dropped(1, 2), &dropped); err != nil {
		t.Fatal(err)
	}
	for _, rl := range append(collect(t, all()...), dropped.GetResourceLogs()...) {
		for name := range attributes(rl.GetResource().GetAttributes()) {
			use(name)
		}
		for _, l := range rl.GetScopeLogs()[0].GetLogRecords() {
			use(l.GetEventName())
			for name := range attributes(l.GetAttributes()) {
				use(name)
			}
		}
	}
	for name, used := range documented {
		if !used {
			t.Errorf("%s is documented, and nowhere used", name)
		}
	}
}

func TestRecord(t *testing.T) {
	got := collect(t, host, creation("Job"), creation("Job"))
	if len(got) != 2 {
		t.Fatalf("%d records", len(got))
	}
	first, second := got[0].GetScopeLogs()[0].GetLogRecords()[0], got[1].GetScopeLogs()[0].GetLogRecords()[0]
	if first.GetTimeUnixNano() != 1e18+5e9 {
		t.Errorf("time is %d", first.GetTimeUnixNano())
	}
	a := attributes(first.GetAttributes())
	argv := a["process.command_args"].GetArrayValue().GetValues()
	if argv[0].GetStringValue() != "job" || string(argv[1].GetBytesValue()) != "\xff" {
		t.Errorf("arguments: %v", argv)
	}
	if a["k8s.job.name"].GetStringValue() != "w" || a["nsblame.unit"].GetStringValue() != "cron.service" || a["process.parent_pid"].GetIntValue() != 1 {
		t.Errorf("%v", a)
	}
	if attributes(got[0].GetResource().GetAttributes())["host.name"].GetStringValue() != "node" {
		t.Errorf("resource: %v", got[0].GetResource())
	}
	if b := attributes(second.GetAttributes()); proto.Equal(a["log.record.uid"], b["log.record.uid"]) {
		t.Error("two records have one id")
	}
}

func TestPutFails(t *testing.T) {
	want := errors.New("away")
	c := otlp.New(func([]byte) error { return want }, [otlp.RunSize]byte{})
	if err := c.Consume(creation("Job")); !errors.Is(err, want) {
		t.Error(err)
	}
	out := creation("Job")
	out.Selected = false
	if err := c.Consume(out); err != nil {
		t.Error(err)
	}
}
