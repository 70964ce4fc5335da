package render

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// TestWriteErrors: the writer's error is returned by every method.
func TestWriteErrors(t *testing.T) {
	c := scenarios()[0].c
	for name, p := range map[string]finding.Consumer{
		"text": NewText(brokenWriter{}, brokenWriter{}, TextOptions{Life: true}),
		"tree": NewText(brokenWriter{}, brokenWriter{}, TextOptions{Tree: true, Life: true}),
		"json": NewJSON(brokenWriter{}),
	} {
		for _, err := range []error{
			p.Consume(created(c)), p.Consume(joins()[0]), p.Consume(ends()[1]), p.Consume(&finding.Lost{BootNS: 0, Loss: &event.Loss{}}), p.Consume(&finding.Covered{BootNS: 0, Coverage: &event.Coverage{}}), p.Consume(&finding.Damaged{BootNS: 0, Damage: &event.Damage{}}), p.Consume(&finding.Summary{}),
		} {
			if !errors.Is(err, errBroken) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestErrnoName(t *testing.T) {
	for n, want := range map[uint32]string{1: "EPERM", 4: "EINTR", 12: "ENOMEM", 28: "ENOSPC", 133: "EHWPOISON", 0: "errno 0", 41: "errno 41", 134: "errno 134", 523: "errno 523", 1<<32 - 1: "errno 4294967295"} {
		if got := errnoName(n); got != want {
			t.Errorf("errnoName(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestDurationText(t *testing.T) {
	for ns, want := range map[uint64]string{
		0: "0.0ms", 1: "0.000ms", 12_000: "0.012ms", 100_000: "0.1ms", 3_249_000: "3.2ms",
		999_900_000: "999.9ms", 1_500_000_000: "1.500s", 61_000_000_000: "61.000s",
	} {
		if got := durationText(ns); got != want {
			t.Errorf("durationText(%d) = %q, want %q", ns, got, want)
		}
	}
}

// TestPlacement: what is not known of a cgroup is not guessed.
func TestPlacement(t *testing.T) {
	p := lineage.Process{Cgroup: "x.slice/docker-" + containerID + ".scope"}
	docker := &cgroup.Container{ID: containerID, Runtime: cgroup.RuntimeDocker}
	for _, tc := range []struct {
		name               string
		truncated, unknown bool
		unit               string
		container          *cgroup.Container
	}{
		{"whole", false, false, "docker-" + containerID + ".scope", docker},
		{"truncated", true, false, "", &cgroup.Container{ID: containerID, Runtime: cgroup.RuntimeDocker, Claim: cgroup.Claim{Claimed: true}}},
		{"unknown", false, true, "", nil},
	} {
		p.CgroupTruncated, p.CgroupUnknown = tc.truncated, tc.unknown
		got := unblamed(&lineage.Creation{Process: p}).Placement
		if got.Unit != tc.unit || (got.Container == nil) != (tc.container == nil) || got.Container != nil && *got.Container != *tc.container {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}

// TestSystemdsChild: only a child that still has systemd's arguments is shown
// by its name; a program that calls itself "(x)" shows what it is.
func TestSystemdsChild(t *testing.T) {
	init := systemd()
	child := process(7, "(ostnamed)", init.Argv...)
	child.ArgvInherited = true
	if got := label(&child, &init, 60); got != "(ostnamed)[7]" {
		t.Error(got)
	}
	liar := process(8, "(ostnamed)", "/tmp/miner")
	if got := label(&liar, &init, 60); got != "/tmp/miner[8]" {
		t.Error(got)
	}
}

// TestOneWrite: each line or block is one Write, so that it isn't torn where
// several write to the same terminal.
func TestOneWrite(t *testing.T) {
	for name, opt := range map[string]TextOptions{"line": {}, "tree": {Tree: true}} {
		var w countingWriter
		p := NewText(&w, io.Discard, opt)
		for _, s := range scenarios() {
			if err := p.Consume(created(s.c)); err != nil {
				t.Fatal(err)
			}
		}
		if w.writes != len(scenarios()) {
			t.Errorf("%s: %d writes for %d creations", name, w.writes, len(scenarios()))
		}
	}
}

type countingWriter struct {
	bytes.Buffer
	writes int
}

func (w *countingWriter) Write(p []byte) (int, error) { w.writes++; return w.Buffer.Write(p) }

func (w *countingWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

func BenchmarkCreation(b *testing.B) {
	c := scenarios()[1].c
	for name, p := range map[string]finding.Consumer{
		"json": NewJSON(io.Discard),
		"line": NewText(io.Discard, io.Discard, TextOptions{}),
		"tree": NewText(io.Discard, io.Discard, TextOptions{Tree: true}),
	} {
		observe(p, host)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Consume(created(c)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
