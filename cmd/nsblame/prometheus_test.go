package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/present/metrics"
)

const (
	rulesFile     = "../../contrib/prometheus/nsblame.rules.yml"
	rulesTests    = "../../contrib/prometheus/nsblame.rules.test.yml"
	dashboardFile = "../../contrib/grafana/nsblame.json"
)

// programOf finds a program of Prometheus, or skips the test.
func programOf(t *testing.T, name string) string {
	t.Helper()
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s: make deps installs it", name)
	}
	return path
}

// dashboardQueries are those of the dashboard, with its variables filled in.
func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	t.Helper()
	raw, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$job", "nsblame", "$instance", ".*", "$__range", "1m", "$__rate_interval", "5s")
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			queries = append(queries, fill.Replace(target.Expr))
		}
	}
	if len(queries) < 15 {
		t.Fatalf("only %q", queries)
	}
	return queries
}

// The alerts and the dashboard ask for nothing that is never shown.
func TestRulesNameMetrics(t *testing.T) {
	known := map[string]bool{"up": true, "process_resident_memory_bytes": true, "process_cpu_seconds_total": true}
	for _, d := range metrics.Definitions() {
		known[d.Name] = true
		if d.Type == "histogram" {
			known[d.Name+"_bucket"] = true
		}
	}
	rules, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var exprs []string
	for line := range strings.Lines(string(rules)) {
		if _, expr, ok := strings.Cut(line, "expr: "); ok {
			exprs = append(exprs, expr)
		}
	}
	if len(exprs) < 6 {
		t.Fatalf("only %q", exprs)
	}
	name := regexp.MustCompile(`\b(?:nsblame|process)_[a-z_]+|\bup\b`)
	for _, expr := range append(exprs, dashboardQueries(t)...) {
		found := name.FindAllString(expr, -1)
		for _, n := range found {
			if !known[n] {
				t.Errorf("%s is never shown: %s", n, expr)
			}
		}
		if len(found) == 0 {
			t.Errorf("no metric in %s", expr)
		}
	}
}

// What the alerts are for makes them fire after their own durations, and what looks alike
// does not.
func TestRulesFire(t *testing.T) {
	out, err := exec.Command(programOf(t, "promtool"), "test", "rules", rulesTests).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := exec.Command(programOf(t, "promtool"), "check", "rules", rulesFile).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// happening gives an agent what happens on a machine: one unit leaks, one creates in a
// storm, of which some fails, and something is lost.
type happening struct {
	agent  *agent
	serial uint64
	begun  time.Time
}

func (h *happening) now() uint64 { return uint64(time.Since(h.begun)) + 1e9 }

func (h *happening) consume(list ...finding.Finding) error {
	for _, f := range list {
		if err := h.agent.Consume(f); err != nil {
			return err
		}
	}
	return nil
}

// made is a creation for a pod by a unit.
func (h *happening) made(unit string) *finding.Created {
	h.serial++
	k := finding.NewAttribution(&lineage.Creation{
		BootNS: h.now(), Netns: event.NetnsCreate{
			Serial: h.serial, DurationNS: 2e6, Init: []event.Init{{Subsystem: "nf_conntrack", DurationNS: 1e6}},
		},
		Process: lineage.Process{ID: event.ProcessID{PID: 7}, Comm: "x", Argv: []string{"x"}},
	})
	k.Origin = finding.Origin{Trigger: finding.TriggerTimer, Unit: unit, Placement: cgroup.Placement{Unit: unit, Manager: event.ManagerSystem}}
	k.For = &finding.For{Pod: &finding.Pod{Namespace: "shop", Name: "x-1", Workload: &finding.Workload{Kind: "Job", Name: "x"}}}
	return &finding.Created{Attribution: k, Selected: true}
}

// begin says which probes are attached.
func (h *happening) begin() error {
	return h.consume(
		&finding.Covered{Coverage: &event.Coverage{Probe: event.ProbeRelease, Live: true}},
		&finding.Covered{Coverage: &event.Coverage{Probe: event.ProbeCreate, Live: true}})
}

// step lets something happen.
func (h *happening) step() error {
	leak, storm, failed := h.made("leak.timer"), h.made("storm.timer"), h.made("storm.timer")
	failed.Netns.Errno, storm.AncestryTruncated = 28, true
	ended := h.now()
	return h.consume(leak, storm, failed, &finding.Ended{BootNS: ended, Release: &finding.Release{
		BootNS: ended, Netns: event.NetnsRelease{Serial: storm.Netns.Serial, CreatedNS: storm.BootNS},
	}}, &finding.Lost{Loss: &event.Loss{Kind: event.LossBus, Count: 1}})
}

// promServer is a Prometheus that scrapes each second.
type promServer struct {
	t    *testing.T
	addr string
	log  bytes.Buffer
}

// freePort is one that nobody listens on just now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func startPrometheus(t *testing.T, target, tokenFile string) *promServer {
	t.Helper()
	t.Helper()
	program, dir := programOf(t, "prometheus"), t.TempDir()
	rules, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	shorter := regexp.MustCompile(`for: \w+|\[1h\]|\[5m\]|\[15m\]|offset 2h`).ReplaceAllStringFunc(string(rules), func(s string) string {
		return map[string]string{"[1h]": "[3s]", "[5m]": "[5s]", "[15m]": "[5s]", "offset 2h": "offset 6s"}[s] + map[bool]string{true: "for: 1s"}[strings.HasPrefix(s, "for")]
	})
	for name, text := range map[string]string{
		"rules.yml": shorter,
		"prometheus.yml": fmt.Sprintf(`global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: nsblame
    authorization: {credentials_file: %q}
    static_configs: [{targets: [%q]}]
`, tokenFile, target),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &promServer{t: t, addr: freePort(t)}
	cmd := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+p.addr, "--enable-feature=exemplar-storage")
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus said:\n%s", p.log.String())
		}
	})
	return p
}

// ask asks the server, and reports whether it answers in good order.
func (p *promServer) ask(path string, query url.Values, into any) bool {
	p.t.Helper()
	answer, err := http.Get("http://" + p.addr + "/api/v1/" + path + "?" + query.Encode())
	if err != nil {
		return false // it is not up
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode == http.StatusServiceUnavailable {
		return false
	}
	reply := struct {
		Status, Error string
		Data          any
	}{Data: into}
	if err := json.Unmarshal(body, &reply); err != nil || reply.Status != "success" {
		p.t.Fatalf("%s?%s: %v, %.500s", path, query.Encode(), err, body)
	}
	return true
}

// firing are the alerts that fire, with the origin or the job.
func (p *promServer) firing() (list []string) {
	var data struct {
		Alerts []struct {
			State  string
			Labels map[string]string
		}
	}
	p.ask("alerts", nil, &data)
	for _, a := range data.Alerts {
		if a.State == "firing" {
			list = append(list, a.Labels["alertname"]+" "+a.Labels["origin"])
		}
	}
	return list
}

// until waits for a condition.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	const patience = 3 * time.Minute
	for end := time.Now().Add(patience); !met(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %s there is no %s", patience, what)
		}
	}
}

// A real Prometheus scrapes the agent by its token. Its alerts fire on a leak, on a storm
// and on an agent that is gone, and each query of the dashboard has a result.
func TestPrometheus(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	web, err := newWebSettings(&serveOptions{listen: []string{"127.0.0.1:0"}, tokenFile: token})
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := web.open()
	if err != nil {
		t.Fatal(err)
	}
	h := &happening{agent: newAgent(readVersion(), false), begun: time.Now()}
	if err := h.begin(); err != nil {
		t.Fatal(err)
	}
	end := sync.OnceValue(h.agent.answer(t.Context(), listeners, web, func() {}))
	t.Cleanup(func() { _ = end() })
	p := startPrometheus(t, listeners[0].Addr().String(), token)
	stop := repeatedly(0, 200*time.Millisecond, func() {
		if err := h.step(); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(stop)
	t.Cleanup(stop)
	for _, alert := range []string{
		"NsblameNamespaceLeak leak.timer", "NsblameNamespaceStorm storm.timer", "NsblameCreationsFail storm.timer", "NsblameLosses ",
	} {
		until(t, alert, func() bool { return slices.Contains(p.firing(), alert) })
	}
	for _, query := range dashboardQueries(t) {
		until(t, "result of "+query, func() bool {
			var data struct{ Result []any }
			return p.ask("query", url.Values{"query": {query}}, &data) && len(data.Result) > 0
		})
	}
	until(t, "exemplar", func() bool {
		var data []struct {
			Exemplars []struct{ Labels map[string]string }
		}
		now := time.Now()
		return p.ask("query_exemplars", url.Values{
			"query": {"nsblame_netns_creations_total"}, "start": {now.Add(-time.Hour).Format(time.RFC3339)}, "end": {now.Add(time.Hour).Format(time.RFC3339)},
		}, &data) && len(data) > 0 && len(data[0].Exemplars) > 0 && len(data[0].Exemplars[0].Labels["cause_id"]) == 16
	})
	if now := p.firing(); slices.Contains(now, "NsblameNamespaceLeak storm.timer") || slices.Contains(now, "NsblameProbeDead ") || slices.Contains(now, "NsblameDown ") {
		t.Errorf("%q", now)
	}
	if err := h.consume(&finding.Covered{Coverage: &event.Coverage{Probe: event.ProbeCreate}}); err != nil {
		t.Fatal(err)
	}
	until(t, "NsblameProbeDead", func() bool { return slices.Contains(p.firing(), "NsblameProbeDead ") })
	stop()
	if err := end(); err != nil {
		t.Error(err)
	}
	until(t, "NsblameDown", func() bool { return slices.Contains(p.firing(), "NsblameDown ") })
}
