// Package metrics counts findings for Prometheus.
//
// What a label says comes from the machine's users: names of units, of workloads, of
// images. So each value is bounded, made valid and safe to show, and so many sets of
// labels at most have a series of their own. All else counts under "other".
package metrics
