package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Other is the value of labels that stands for all that found no place of its own.
const Other = "other"

// Definition describes a metric. docs/metrics.md has a row for each.
type Definition struct {
	// Name is as Prometheus shows it.
	Name string
	// Type is counter, gauge or histogram.
	Type string
	// Labels are its labels.
	Labels []string
	// Help says what it counts, in one sentence without its full stop.
	Help string
}

// cause are the labels of what belongs to a cause.
var cause = []string{"trigger", "origin", "workload"}

// The metrics.
var (
	defCreated   = Definition{"nsblame_netns_creations_total", "counter", cause, "Network namespaces created"}
	defFailed    = Definition{"nsblame_netns_creation_failures_total", "counter", cause, "Attempts to create one that failed"}
	defErrors    = Definition{"nsblame_netns_creation_errors_total", "counter", []string{"error"}, "The same attempts by the error's name"}
	defOpen      = Definition{"nsblame_netns_open", "gauge", cause, "Namespaces whose creation was seen, and whose release was not"}
	defUnwatched = Definition{"nsblame_netns_open_untracked_total", "counter", nil, "Namespaces that are not in nsblame_netns_open, because too many were open"}
	defLifetime  = Definition{"nsblame_netns_lifetime_seconds", "histogram", []string{"trigger"}, "From the creation to the release"}
	defDuration  = Definition{"nsblame_netns_creation_duration_seconds", "histogram", nil, "Time that a creation or a failed attempt took in the kernel"}
	defMeasured  = Definition{"nsblame_netns_creations_measured_total", "counter", nil, "Creations whose subsystems were measured, with cost"}
	defSubsystem = Definition{"nsblame_netns_creation_subsystem_seconds_total", "counter", []string{"subsystem"}, "Time of creations in a kernel subsystem; without cost of nf_conntrack and ip_vs only"}
	defLock      = Definition{"nsblame_netns_creation_lock_wait_seconds_total", "counter", nil, "Time that creations waited for the kernel's lock, with cost"}
	defLost      = Definition{"nsblame_lost_total", "counter", []string{"kind"}, "Records that were lost, by the kind of loss"}
	defCut       = Definition{"nsblame_cut_total", "counter", []string{"what"}, "What was not recorded whole"}
	defProbe     = Definition{"nsblame_probe_live", "gauge", []string{"probe", "subsystem"}, "1 while a probe is attached, 0 while it is not"}
	defEvents    = Definition{"nsblame_events_total", "counter", nil, "Events of the stream"}
	defEvicted   = Definition{"nsblame_series_evicted_total", "counter", nil, "Sets of cause labels that made room, because nothing happened to them for an hour"}
	defBuild     = Definition{"nsblame_build_info", "gauge", []string{"version", "revision", "goversion"}, "1, with the version"}
	defBytes     = Definition{"nsblame_recorded_bytes_total", "counter", nil, "Bytes written to recordings"}
	defMissed    = Definition{"nsblame_unrecorded_events_total", "counter", nil, "Events that are in no recording, because none could be written"}
	defPaused    = Definition{"nsblame_recording_paused", "gauge", nil, "1 while no recording can be written, as on a full disk"}
	defRequests  = Definition{"nsblame_http_requests_total", "counter", []string{"path", "code"}, "Requests that were answered"}
	defReports   = Definition{"nsblame_reports_computed_total", "counter", nil, "Reports that were computed, and not taken from the cache"}
)

// Definitions are all metrics of nsblame's own.
func Definitions() []Definition {
	return []Definition{
		defCreated, defFailed, defErrors, defOpen, defUnwatched, defLifetime, defDuration,
		defSubsystem, defLock, defMeasured, defLost, defCut, defProbe, defEvents, defEvicted,
		defBuild, defBytes, defMissed, defPaused, defRequests, defReports,
	}
}

func (d *Definition) help() string { return d.Help + "." }

func (d *Definition) counter() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: d.Name, Help: d.help()})
}

func (d *Definition) counters() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.help()}, d.Labels)
}

func (d *Definition) gauges() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: d.Name, Help: d.help()}, d.Labels)
}

func (d *Definition) histograms(buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: d.Name, Help: d.help(), Buckets: buckets}, d.Labels)
}
