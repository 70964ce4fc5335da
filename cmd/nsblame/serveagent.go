package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/metrics"
	"github.com/nsblame/nsblame/internal/present/page"
	"github.com/nsblame/nsblame/internal/present/render"
)

const (
	// serveShare is the part of what a report may take that the report of serve has, which
	// records beside it.
	serveShare = 4
	// reportAge is how old an answer may be.
	reportAge = 5 * time.Second
	// reportWaiters is how many requests for a report are dealt with at once; one of them
	// computes.
	reportWaiters = 8
	// metricsAtOnce is the same for metrics.
	metricsAtOnce = 4
)

// What /healthz says.
const (
	healthStarting int32 = iota
	healthGood
	healthEnded
)

// agent consumes findings, and answers requests about them.
type agent struct {
	metrics  *metrics.Metrics
	registry *prometheus.Registry
	health   atomic.Int32
	// recorder is what records, nil for nothing. said is where it says what it can't.
	recorder atomic.Pointer[enduring]
	said     io.Writer
	// also are other consumers of what the agent consumes.
	also []finding.Consumer

	// mu guards the collector, which findings change.
	mu        sync.Mutex
	collector *report.Collector

	// waiting bounds the requests for reports. computing is held by the one that computes,
	// and guards answers.
	waiting   chan struct{}
	computing sync.Mutex
	answers   map[reportKey]answer
	now       func() time.Time
}

// reportKey is a form of the report.
type reportKey struct {
	by   report.By
	html bool
}

// answer is a report as it was computed at a time.
type answer struct {
	body []byte
	at   time.Time
}

// newAgent returns one that has seen nothing. With cost it ranks the kernel's subsystems.
func newAgent(v findings.Version, cost bool) *agent {
	a := &agent{
		metrics: metrics.New(&v), registry: prometheus.NewRegistry(), collector: report.NewPart(serveShare),
		waiting: make(chan struct{}, reportWaiters), answers: make(map[reportKey]answer), now: time.Now, said: io.Discard,
	}
	a.registry.MustRegister(a.metrics, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.collector.KeepLives()
	if cost {
		a.collector.RankCosts()
	}
	return a
}

// Consume implements finding.Consumer.
func (a *agent) Consume(f finding.Finding) error {
	a.mu.Lock()
	err := a.collector.Consume(f)
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.metrics.Consume(f)
}

// Deadline implements engine.Timed.
func (a *agent) Deadline() uint64 { return a.metrics.Deadline() }

// endpoint is what is answered under a path.
type endpoint struct {
	path string
	// private is set if it says more than any user of the machine may know.
	private bool
	// open is set if it takes no token.
	open    bool
	handler http.Handler
}

// endpoints are all that is answered.
func (a *agent) endpoints() []endpoint {
	show := promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: metricsAtOnce, DisableCompression: true,
	})
	return []endpoint{
		{path: "/metrics", handler: show},
		{path: "/healthz", open: true, handler: http.HandlerFunc(a.answerHealth)},
		{path: "/report", private: true, handler: a.reports(true)},
		{path: "/api/report", private: true, handler: a.reports(false)},
	}
}

func (a *agent) answerHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch a.health.Load() {
	case healthGood:
		text := "ok"
		if e := a.recorder.Load(); e != nil {
			if why := e.paused(); why != nil {
				// whoever starts it anew for that makes no room
				text += ", but nothing is recorded: " + render.Sentence(why.Error())
			}
		}
		fmt.Fprintln(w, text)
	case healthStarting:
		http.Error(w, "starting", http.StatusServiceUnavailable)
	default:
		http.Error(w, "it no longer observes", http.StatusServiceUnavailable)
	}
}

// reports answers with the report, as a page or as JSON.
func (a *agent) reports(html bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by, ok := groupingOf(r)
		if !ok {
			http.Error(w, "the only parameter is by, with one of "+groupingNames(), http.StatusBadRequest)
			return
		}
		select {
		case a.waiting <- struct{}{}:
			defer func() { <-a.waiting }()
		default:
			w.Header().Set("Retry-After", "5")
			http.Error(w, "too many reports at once", http.StatusServiceUnavailable)
			return
		}
		body, err := a.report(reportKey{by, html})
		if err != nil {
			http.Error(w, "the report could not be made", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if html {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		_, _ = w.Write(body) // who no longer reads has gone
	})
}

// report returns one that is not too old.
func (a *agent) report(key reportKey) ([]byte, error) {
	a.computing.Lock()
	defer a.computing.Unlock()
	now := a.now()
	for old, kept := range a.answers {
		if now.Sub(kept.at) >= reportAge {
			delete(a.answers, old)
		}
	}
	if kept, ok := a.answers[key]; ok {
		return kept.body, nil
	}
	a.metrics.Reported()
	a.mu.Lock()
	r := a.collector.Snapshot(key.by, math.MaxInt)
	a.mu.Unlock()
	var out bytes.Buffer
	var err error
	if key.html {
		err = page.Write(&out, r, &render.ReportOptions{Top: defaultTop})
	} else {
		err = render.ReportJSON(&out, r)
	}
	if err != nil {
		return nil, err
	}
	a.answers[key] = answer{out.Bytes(), now}
	return out.Bytes(), nil
}

// groupingOf reads the only parameter, and reports whether there is nothing else.
func groupingOf(r *http.Request) (report.By, bool) {
	query := r.URL.Query()
	given, ok := query["by"]
	switch {
	case r.URL.RawQuery == "":
		return report.ByCause, true
	case !ok || len(query) != 1 || len(given) != 1:
		return "", false
	}
	by := report.By(given[0])
	if given[0] == causeGrouping {
		by = report.ByCause
	}
	return by, slices.Contains(report.Regroups, by) && given[0] != ""
}

// causeGrouping is how a request calls report.ByCause.
const causeGrouping = "cause"

func groupingNames() string {
	var names []string
	for _, by := range report.Regroups {
		if by == report.ByCause {
			by = causeGrouping
		}
		names = append(names, string(by))
	}
	return strings.Join(names, ", ")
}
