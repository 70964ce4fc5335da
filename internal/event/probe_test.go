package event

import "testing"

// The table has one row for each constant, and a name is used once.
func TestProbeTable(t *testing.T) {
	declared := constants(t, "probe.go", "Probe")
	for _, row := range probes {
		if !declared[string(row.probe)] {
			t.Errorf("two rows for %s, or no constant", row.probe)
		}
		delete(declared, string(row.probe))
		if row.shows == 0 {
			t.Errorf("%s shows nothing", row.probe)
		}
	}
	for probe := range declared {
		t.Errorf("no row for %s", probe)
	}
}

// A probe that another version recorded may have shown somebody.
func TestUnknownProbe(t *testing.T) {
	probe := Probe("of another version")
	if !probe.Shows(HiddenActors) || probe.SeesTeardown() {
		t.Error("it is taken for one that hides nobody, or that sees a teardown")
	}
}
