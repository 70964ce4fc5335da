package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/condition"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/engine"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

// judged judges a run, and ends none.
type judged struct{ *condition.Judge }

func (j judged) Consume(f finding.Finding) error {
	_ = j.Judge.Consume(f) // that a condition can't be judged ends no replay here
	return nil
}

// FuzzReplay replays a recording whose records are any bytes, in a block whose
// checksum is right, in every form that there is. No output holds anything that
// a terminal acts upon, JSON is whole, and a second replay prints the same.
func FuzzReplay(f *testing.F) {
	plain, count := records(f, recordedStream(f, fakeStream("")))
	f.Add(plain, uint16(count))
	f.Add(plain[:len(plain)/2], uint16(count/2))
	named, n := hostile(f)
	f.Add(named, n)
	f.Add([]byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, plain []byte, count uint16) {
		file := wrapped(t, plain, int(count))
		first := replayed(t, file)
		for i, again := range replayed(t, file) {
			if !bytes.Equal(first[i], again) {
				t.Fatalf("a second time, form %d:\n%s\n%s", i, first[i], again)
			}
		}
		for _, out := range first {
			harmless(t, "replay", string(out))
		}
		for _, form := range first[2:4] {
			for line := range bytes.Lines(form) {
				if !json.Valid(line) {
					t.Fatalf("no JSON: %s", line)
				}
			}
		}
	})
}

// replayed is what a recording is printed as: line, tree, JSON, and the report
// as JSON, text and Markdown.
func replayed(t *testing.T, file []byte) [6][]byte {
	t.Helper()
	var out [6]bytes.Buffer
	collector := report.NewCollector()
	judge := condition.NewJudge([]condition.Condition{{Name: condition.Created}, {Name: condition.Leaked}, {Name: condition.CausedBy, Pattern: "*"}})
	for i, p := range []finding.Consumer{
		render.NewText(&out[0], &out[0], render.TextOptions{Life: true}),
		render.NewText(&out[1], &out[1], render.TextOptions{Life: true, Tree: true}),
		render.NewJSON(&out[2]),
	} {
		r, err := recording.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		opt := engine.Options{Consumers: []finding.Consumer{p}}
		if i == 0 {
			opt.Consumers = append(opt.Consumers, collector, judged{judge})
		}
		if _, err = engine.Run(context.Background(), fuzzed{r}, opt); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	_, _ = judge.Verdict() // that it can't be judged is an answer
	r := collector.Report()
	for _, err := range []error{
		render.ReportJSON(&out[3], r), render.ReportText(&out[4], r, &render.ReportOptions{All: true}), render.ReportMarkdown(&out[5], r, &render.ReportOptions{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var all [6][]byte
	for i := range out {
		all[i] = out[i].Bytes()
	}
	return all
}

// fuzzed is a recording as a source.
type fuzzed struct{ *recording.Reader }

func (r fuzzed) Next(context.Context) (event.Event, error) { return r.Reader.Next() }
func (fuzzed) WakeAt(uint64)                               {}
func (fuzzed) Ask(event.Question)                          {}
func (fuzzed) AskContainer(event.ContainerQuestion)        {}

var fuzzOptions = recording.Options{Stream: [16]byte{1}, Sync: [16]byte{2, 3, 4}}

// head is that of a recording.
func head(tb testing.TB) []byte {
	tb.Helper()
	file := recordedStream(tb, nil)
	return file[:bytes.Index(file, fuzzOptions.Sync[:])+len(fuzzOptions.Sync)]
}

// wrapped is a recording of one block, which has so many records.
func wrapped(tb testing.TB, plain []byte, count int) []byte {
	tb.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		tb.Fatal(err)
	}
	defer z.Close()
	packed := z.EncodeAll(plain, nil)
	file := binary.AppendVarint(head(tb), int64(count))
	file = binary.AppendVarint(file, int64(len(packed)))
	return append(append(file, packed...), fuzzOptions.Sync[:]...)
}

// records are those of a file, without what it has round them, and how many
// they are.
func records(tb testing.TB, file []byte) (plain []byte, count int) {
	tb.Helper()
	z, err := zstd.NewReader(nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer z.Close()
	for rest := file[bytes.Index(file, fuzzOptions.Sync[:])+len(fuzzOptions.Sync):]; len(rest) > 0; {
		n, size := binary.Varint(rest)
		packed, size2 := binary.Varint(rest[size:])
		rest = rest[size+size2:]
		if plain, err = z.DecodeAll(rest[:packed], plain); err != nil {
			tb.Fatal(err)
		}
		count += int(n)
		rest = rest[int(packed)+len(fuzzOptions.Sync):]
	}
	return plain, count
}

// hostile is a stream of what can be named, named so that it does harm where it
// is not escaped.
func hostile(tb testing.TB) (plain []byte, count uint16) {
	tb.Helper()
	const name = "\x1b[2J\n\r\u202e`|<b>[x](http://y)\u200b\u2028\x9b\xff# "
	root, child := event.ProcessID{PID: 1, StartNS: 1}, event.ProcessID{PID: 7, StartNS: 7}
	image := event.ProgramID{Process: child, Exec: 1}
	var list []event.Event
	for i, b := range []event.Body{
		&event.Host{Version: name, Kernel: name, Arch: name},
		&event.Coverage{Probe: name, AttachMethod: name, Why: name},
		&event.Cgroup{ID: 3, Path: "/system.slice/" + strings.ReplaceAll(name, "/", "") + ".service"},
		&event.Program{ID: image, Argv: []string{name, strings.Repeat("\x01", 4096), strings.Repeat(" ", 4096)}, Exe: name},
		&event.Process{ID: root, Comm: name},
		&event.Process{ID: child, Parent: root, Program: image, Comm: name, Cgroup: 3},
		&event.NetnsCreate{Serial: 1, Creator: child, Comm: name, Cgroup: 3, Call: event.Call(name), Inum: 9, Init: []event.Init{{Op: name, Subsystem: name}}},
		&event.Loss{Kind: event.LossKind(name), Count: 1},
		&event.Damage{Why: name, Blocks: 1},
		&event.End{Seen: 1},
	} {
		list = append(list, event.Event{BootNS: uint64(i), Body: b})
	}
	plain, n := records(tb, recordedStream(tb, list))
	return plain, uint16(n)
}

// recordedStream is a recording of these events.
func recordedStream(tb testing.TB, list []event.Event) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := recording.NewWriter(&out, fuzzOptions)
	if err != nil {
		tb.Fatal(err)
	}
	for _, ev := range list {
		if err := w.Write(ev); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}
