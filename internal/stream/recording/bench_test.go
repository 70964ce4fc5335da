package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nsblame/nsblame/internal/event"
)

// load is what a busy machine records: creations by processes with command
// lines of their own, below a few shells, with their execs and ends, and what
// may be forgotten.
func load(creations int) []event.Event {
	id := func(n int) event.ProcessID {
		return event.ProcessID{PID: uint32(300 + n%30000), StartNS: 4_000_000_000_000 + uint64(n)*1_234_567}
	}
	list := []event.Event{{Body: &event.Host{Version: "v1", Kernel: "6.1.0", ClockOffsetNS: 1795503600e9, CgroupHierarchy: "unified"}}}
	now := uint64(4_000_000_000_000)
	add := func(b event.Body) {
		now += 91_357
		list = append(list, event.Event{BootNS: now, Body: b})
	}
	add(&event.Cgroup{ID: 5371, Path: "/system.slice/cron.service"})
	for n := range creations {
		p, parent := id(n+10), id(n%10)
		for exec, argv := range [][]string{
			{"/bin/sh", "-c", fmt.Sprintf("/usr/lib/app/step --job %d --out /var/lib/app/%x", n, n*7919)},
			{"ip", "netns", "exec", fmt.Sprintf("ns%d", n%97), "ping", "-c1", "192.0.2.1"},
		} {
			prog := event.ProgramID{Process: p, Exec: uint32(exec + 1)}
			add(&event.Program{ID: prog, Argv: argv, Exe: argv[0], Source: event.SourceKernel})
			add(&event.Process{ID: p, Parent: parent, Program: prog, Comm: argv[0], UID: 1000, Cgroup: 5371})
			if exec == 1 {
				add(&event.Exec{Process: p})
				continue
			}
			add(&event.NetnsCreate{
				Serial: uint64(n), Creator: p, TID: p.PID, Comm: "sh", UID: 1000, Cgroup: 5371, Call: event.CallUnshare,
				Inum: 4026532000 + uint32(n%1000), Cookie: uint64(n), ParentInum: 4026531840, DurationNS: 3_200_000 + uint64(n*7919%100000),
				Init: []event.Init{
					{Op: "nf_conntrack_pernet_init", Subsystem: "nf_conntrack", DurationNS: 200_000 + uint64(n*31%9999)},
					{Op: "__ip_vs_init", Subsystem: "ip_vs", DurationNS: 600_000 + uint64(n*37%9999), IPVS: &event.IPVS{ID: int32(n), Size: 2176}},
				},
			})
		}
		add(&event.Process{ID: p, Parent: parent, Program: event.ProgramID{Process: p, Exec: 2}, Comm: "ip", UID: 1000, Cgroup: 5371, Exited: true, ExitNS: now})
		add(&event.Exit{Process: p})
		add(&event.Forget{Process: p, Program: event.ProgramID{Process: p, Exec: 1}})
		add(&event.Forget{Program: event.ProgramID{Process: p, Exec: 2}})
	}
	add(&event.End{Seen: uint64(creations)})
	return list
}

const benchCreations = 20_000

func BenchmarkWrite(b *testing.B) {
	list := load(benchCreations)
	var size int
	for b.Loop() {
		var file bytes.Buffer
		w, err := NewWriter(&file, options)
		for _, ev := range list {
			err = errors.Join(err, w.Write(ev))
		}
		if err = errors.Join(err, w.Close()); err != nil {
			b.Fatal(err)
		}
		size = file.Len()
	}
	figures(b, len(list), size)
}

func BenchmarkRead(b *testing.B) {
	list := load(benchCreations)
	file := write(b, options, list, func(int) bool { return false })
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for ; ; n++ {
			if _, err = r.Next(); err != nil {
				break
			}
		}
		r.Close()
		if !errors.Is(err, io.EOF) || n != len(list) {
			b.Fatal(n, err)
		}
	}
	figures(b, len(list), len(file))
}

func figures(b *testing.B, events, bytes int) {
	b.Helper()
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(bytes)/float64(events), "B/event")
}

// line is an event as a JSON line would have it.
type line struct {
	BootNS uint64
	Type   int
	Body   any
}

// BenchmarkJSONLines is the same stream as JSON lines, compressed.
func BenchmarkJSONLines(b *testing.B) {
	list := load(benchCreations)
	var file bytes.Buffer
	encode := func() {
		file.Reset()
		z, err := zstd.NewWriter(&file, zstd.WithEncoderConcurrency(1))
		if err != nil {
			b.Fatal(err)
		}
		enc := json.NewEncoder(z)
		for _, ev := range list {
			err = errors.Join(err, enc.Encode(line{ev.BootNS, 0, ev.Body}))
		}
		if err = errors.Join(err, z.Close()); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("Write", func(b *testing.B) {
		for b.Loop() {
			encode()
		}
		figures(b, len(list), file.Len())
	})
	b.Run("Read", func(b *testing.B) {
		encode()
		for b.Loop() {
			z, err := zstd.NewReader(bytes.NewReader(file.Bytes()), zstd.WithDecoderConcurrency(1))
			if err != nil {
				b.Fatal(err)
			}
			dec := json.NewDecoder(z)
			for i := range list {
				got := line{Body: newLike(list[i].Body)}
				if err := dec.Decode(&got); err != nil {
					b.Fatal(err)
				}
			}
			z.Close()
		}
		figures(b, len(list), file.Len())
	})
}

// newLike spares the JSON reader to find out the type.
func newLike(body event.Body) any {
	for _, k := range kinds {
		if k.typ == reflect.TypeOf(body) {
			return k.decode(&codec{mode: decoding, buf: make([]byte, 512), cells: 8})
		}
	}
	return nil
}
