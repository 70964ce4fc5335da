package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/unraced"
)

var options = Options{Stream: [16]byte{1, 2}, Sync: [16]byte{0xab, 0xcd, 3: 7, 15: 0x11}}

// coded are the options with each codec.
func coded() (list []Options) {
	for _, c := range Codecs {
		opt := options
		opt.Codec = c
		list = append(list, opt)
	}
	return list
}

// body draws an event of any type, its fields of any value.
func body() *rapid.Generator[event.Body] {
	return rapid.OneOf(
		pointer[event.Host](), pointer[event.Clock](), pointer[event.Coverage](), pointer[event.Program](),
		pointer[event.Process](), pointer[event.Cgroup](), pointer[event.Forget](), pointer[event.NetnsCreate](),
		pointer[event.NetnsChild](), pointer[event.Exec](), pointer[event.Exit](), pointer[event.NetnsRelease](),
		pointer[event.NetnsFree](), pointer[event.NetnsJoin](), pointer[event.NetnsLeave](), pointer[event.NetnsJoinCount](), pointer[event.PernetInit](), pointer[event.Active](), pointer[event.BusMessage](), pointer[event.Unit](), pointer[event.Loss](),
		pointer[event.Damage](), pointer[event.End](),
		pointer[event.EngineRequest](), pointer[event.CNI](), pointer[event.Container](),
		pointer[event.SocketConnect](),
	)
}

func pointer[T any, P interface {
	*T
	event.Body
}]() *rapid.Generator[event.Body] {
	return rapid.Map(rapid.Make[T](), func(t T) event.Body { return P(&t) })
}

func stream() *rapid.Generator[[]event.Event] {
	return rapid.Custom(func(t *rapid.T) []event.Event {
		var list []event.Event
		for _, b := range rapid.SliceOfN(body(), 0, 12).Draw(t, "bodies") {
			if p, ok := b.(*event.Process); ok { // any bytes, not only UTF-8
				p.Comm = string(rapid.SliceOfN(rapid.Byte(), 0, 15).Draw(t, "comm"))
				if p.Parent == p.ID {
					p.Parent = event.ProcessID{} // nothing is its own parent
				}
			}
			list = append(list, event.Event{BootNS: rapid.Uint64().Draw(t, "boot"), Body: b})
		}
		return list
	})
}

// write records a stream. flush says after which events a block ends.
func write(tb testing.TB, opt Options, list []event.Event, flush func(int) bool) []byte {
	tb.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file, opt)
	if err != nil {
		tb.Fatal(err)
	}
	for i, ev := range list {
		if err := w.Write(ev); err != nil {
			tb.Fatal(err)
		}
		if flush(i) {
			if err := w.Flush(); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return file.Bytes()
}

// read reads a file to its end.
func read(file []byte) ([]event.Event, error) {
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readAll(r)
}

func readAll(r *Reader) ([]event.Event, error) {
	var list []event.Event
	for {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, ev)
	}
}

// same reports whether two events are equal, nil lists and empty ones being so.
func same(a, b event.Event) bool {
	x, err1 := appendRecord(nil, record{bootNS: a.BootNS, body: a.Body})
	y, err2 := appendRecord(nil, record{bootNS: b.BootNS, body: b.Body})
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// sameBody is same whatever the time.
func sameBody(a, b event.Body) bool { return same(event.Event{Body: a}, event.Event{Body: b}) }

func diff(want, got any) string { return cmp.Diff(want, got, cmpopts.EquateEmpty()) }

// Whatever stream is written is what is read, however it is cut into blocks
// and segments.
func TestWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := stream().Draw(rt, "stream")
		cut := rapid.SliceOfN(rapid.Bool(), len(want), len(want)).Draw(rt, "blocks")
		opt := rapid.SampledFrom(coded()).Draw(rt, "options")
		opt.SegmentBytes = rapid.IntRange(1, 2000).Draw(rt, "segment")
		got, err := read(write(t, opt, want, func(i int) bool { return cut[i] }))
		if err != nil {
			rt.Fatal(err)
		}
		if d := diff(want, got); d != "" {
			rt.Fatalf("(-written +read):\n%s", d)
		}
	})
}

// Any Avro library can read the file: here one that knows nothing of it.
func TestAnyAvroLibraryReadsIt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		list := stream().Draw(rt, "stream")
		opt := rapid.SampledFrom(coded()).Draw(rt, "options")
		file := write(t, opt, list, func(i int) bool { return i%3 == 0 })
		r, err := ocf.NewReader(bytes.NewReader(file), ocf.WithDecodeOpts(avro.TaggedUnions()))
		if err != nil {
			rt.Fatal(err)
		}
		var names []string
		for {
			var v any
			err := r.Decode(&v)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				rt.Fatal(err)
			}
			record := v.(map[string]any)
			for name := range record["body"].(map[string]any) {
				if record["restated"] == false || name == "nsblame.BusMessage" {
					names = append(names, name)
				}
			}
		}
		var want []string
		for _, ev := range list {
			want = append(want, "nsblame."+reflect.TypeOf(ev.Body).Elem().Name())
		}
		if d := diff(append(want, "nsblame.Close"), names); d != "" {
			rt.Fatalf("types of the records (-written +read):\n%s", d)
		}
	})
}

// The library, given the schema, makes of an event the very bytes that our own
// encoding makes.
func TestEncodingIsTheSchemas(t *testing.T) {
	schema := avro.MustParse(fileSchema)
	rapid.Check(t, func(rt *rapid.T) {
		ours, err := appendRecord(nil, record{bootNS: rapid.Uint64().Draw(rt, "boot"), body: body().Draw(rt, "body")})
		if err != nil {
			rt.Fatal(err)
		}
		var v any
		rest, err := schema.Decode(ours, &v, avro.TaggedUnions())
		if err != nil || len(rest) > 0 {
			rt.Fatalf("%d bytes left, %v", len(rest), err)
		}
		theirs, err := schema.AppendEncode(nil, v, avro.TaggedUnions())
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(ours, theirs) {
			rt.Fatalf("ours   %x\ntheirs %x", ours, theirs)
		}
	})
}

// sample is a stream with definitions that change, over several segments.
func sample() []event.Event {
	list := []event.Event{
		{BootNS: 1, Body: &event.Host{Version: "v1", Kernel: "6.1", CgroupHierarchy: "unified", ClockOffsetNS: 5}},
		{BootNS: 2, Body: &event.Coverage{Probe: "copy_net_ns", Live: true, AttachMethod: "fentry"}},
	}
	for i := range uint32(8) {
		id := event.ProcessID{PID: 100 + i%3, StartNS: 1000}
		list = append(
			list,
			event.Event{BootNS: uint64(10 + i), Body: &event.Cgroup{ID: 7, Path: "/a.service"}},
			event.Event{BootNS: uint64(10 + i), Body: &event.Program{ID: event.ProgramID{Process: id, Exec: i}, Argv: []string{"x", fmt.Sprint(i)}}},
			event.Event{BootNS: uint64(10 + i), Body: &event.Process{ID: id, Program: event.ProgramID{Process: id, Exec: i}, Comm: fmt.Sprint("c", i), Cgroup: 7}},
			event.Event{BootNS: uint64(10 + i), Body: &event.NetnsCreate{Serial: uint64(i), Creator: id, Call: event.CallUnshare, Inum: 40 + i}},
			event.Event{BootNS: uint64(10 + i), Body: &event.BusMessage{Sender: id, Bus: 1, Listener: event.ProcessID{PID: max(1, i) - i, StartNS: uint64(max(1, i) - i)}, Data: []byte("l")}},
		)
	}
	return append(list, event.Event{BootNS: 99, Body: &event.End{Seen: 8}})
}

// runtimeEvents are what is heard and read of container runtimes.
func runtimeEvents() []event.Event {
	kubelet := event.ProcessID{PID: 7, StartNS: 9}
	return []event.Event{
		{BootNS: 1, Body: &event.EngineRequest{
			Sender: kubelet, Engine: event.EngineContainerd, Call: event.EngineRunSandbox, Path: "/run/containerd/containerd.sock",
			Sandbox: &event.SandboxRequest{
				Namespace: "shop", Name: "web", UID: "u", Attempt: 3, Source: "file", Labels: []event.Label{{Key: "app", Value: "\xff"}},
				Manifests: "/etc/kubernetes/manifests",
			},
		}},
		{BootNS: 2, Body: &event.EngineRequest{Engine: event.EngineDocker, Call: event.EngineStart, Container: "web1"}},
		{BootNS: 3, Body: &event.CNI{Serial: 1, Process: kubelet, Command: "ADD", ContainerID: "s", PodNamespace: "shop", PodName: "web"}},
		{BootNS: 4, Body: &event.Container{Question: event.ContainerQuestion{Runtime: "docker", ID: "c"}, Name: "web1", RestartPolicy: "always"}},
	}
}

// What a runtime's files said about a container is asked once, so each file of a set
// has it: the latest answer to each question, or the latest before they were gone.
func TestContainersAreRestated(t *testing.T) {
	var files [2]bytes.Buffer
	w, err := NewWriter(&files[0], options)
	if err != nil {
		t.Fatal(err)
	}
	q := event.ContainerQuestion{Runtime: "containerd", Namespace: "k8s.io", ID: "c"}
	latest := &event.Container{Question: q, PodName: "web", PodNamespace: "shop"}
	gone := &event.Container{Question: q, Why: "gone"}
	for _, b := range []event.Body{&event.Host{}, gone, &event.Container{Question: q, PodName: "old"}, latest, gone} {
		if err := w.Write(event.Event{BootNS: 1, Body: b}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Continue(&files[1]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := read(files[1].Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var found []*event.Container
	for _, ev := range got {
		if c, ok := ev.Body.(*event.Container); ok {
			found = append(found, c)
		}
	}
	if d := diff([]*event.Container{latest}, found); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// sound holds what was read against what was written: nothing that was not
// written, in the order in which it was, and where something is missing that is
// said.
func sound(written, got []event.Event) error {
	rest := written
	whole := true
	for _, ev := range got {
		if d, ok := ev.Body.(*event.Damage); ok {
			if d.Blocks == 0 || d.Why == "" {
				return fmt.Errorf("empty damage %+v", d)
			}
			whole = false
			continue
		}
		if i := slices.IndexFunc(rest, func(w event.Event) bool { return same(w, ev) }); i >= 0 {
			rest = rest[i+1:]
			continue
		}
		if !restatable(written, ev.Body) {
			return fmt.Errorf("was not written, or not in this order: %T %+v", ev.Body, ev.Body)
		}
	}
	if whole && !slices.EqualFunc(written, got, same) {
		return errors.New("something is missing, and nothing says so")
	}
	return nil
}

// restatable reports whether the body is one that was written, and that can be
// restated.
func restatable(written []event.Event, b event.Body) bool {
	switch b := b.(type) {
	case *event.Clock:
		return slices.ContainsFunc(written, func(w event.Event) bool {
			h, ok := w.Body.(*event.Host)
			return ok && h.ClockOffsetNS == b.OffsetNS
		})
	case *event.BusMessage: // maybe with its listener
		c := *b
		c.Listener = event.ProcessID{}
		return b.Listener.PID == 1 && slices.ContainsFunc(written, func(w event.Event) bool {
			m, ok := w.Body.(*event.BusMessage)
			return ok && sameBody(&c, m)
		})
	case *event.Host, *event.Coverage, *event.Process, *event.Program, *event.Cgroup:
		return slices.ContainsFunc(written, func(w event.Event) bool { return sameBody(w.Body, b) })
	}
	return false
}

func sampleFile(tb testing.TB, opt Options) (list []event.Event, file []byte) {
	tb.Helper()
	opt.SegmentBytes = 300
	list = sample()
	return list, write(tb, opt, list, func(i int) bool { return i%4 == 3 })
}

// A file that was cut anywhere yields all up to the last whole block, and says
// that it was cut.
func TestTruncation(t *testing.T) {
	unraced.Leave(t)
	for _, opt := range coded() {
		t.Run(string(opt.Codec), func(t *testing.T) { truncate(t, opt) })
	}
}

func truncate(t *testing.T, opt Options) {
	t.Helper()
	list, file := sampleFile(t, opt)
	for n := range file {
		got, err := read(file[:n])
		if err != nil {
			if got != nil || !errors.Is(err, ErrHead) && !errors.Is(err, ErrNotRecording) {
				t.Fatalf("%d bytes: %v", n, err)
			}
			continue
		}
		if err := sound(list, got); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if d, ok := got[len(got)-1].Body.(*event.Damage); !ok || !d.Truncated {
			t.Fatalf("%d bytes: the last word is %+v", n, got[len(got)-1].Body)
		}
	}
}

// Any single byte that was changed, to anything that has one bit flipped or all
// of them, is noticed, and costs what is near it.
func TestCorruption(t *testing.T) {
	unraced.Leave(t)
	for _, opt := range coded() {
		t.Run(string(opt.Codec), func(t *testing.T) { corrupt(t, opt) })
	}
}

func corrupt(t *testing.T, opt Options) {
	t.Helper()
	list, file := sampleFile(t, opt)
	head := bytes.Index(file, options.Sync[:])
	var most int
	for i := range file {
		masks := []byte{1 << (i % 8), 1 << ((i + 5) % 8), 255}
		if i < head { // guarded by one checksum, which finds any
			masks = []byte{1 << (i % 8), 255}
		}
		if opt.Codec.checked() { // so is a block
			masks = masks[:1]
		}
		for _, mask := range masks {
			bad := bytes.Clone(file)
			bad[i] ^= mask
			got, err := read(bad)
			if err != nil {
				if got != nil {
					t.Fatalf("byte %d ^ %#x: %v", i, mask, err)
				}
				continue
			}
			if err := sound(list, got); err != nil {
				t.Fatalf("byte %d ^ %#x: %v", i, mask, err)
			}
			// zstandard has bits that say nothing; its checksum is that of the content
			if opt.Codec.checked() && !slices.ContainsFunc(got, isDamage) {
				t.Fatalf("byte %d ^ %#x: nothing says so", i, mask)
			}
			if _, ended := got[len(got)-1].Body.(*event.End); !ended && i < len(file)-200 {
				t.Fatalf("byte %d ^ %#x: reading did not go on to the end", i, mask)
			}
			most = max(most, len(list)-len(got))
		}
	}
	if most > 12 {
		t.Errorf("a byte cost %d events", most)
	}
}

func isDamage(ev event.Event) bool {
	_, bad := ev.Body.(*event.Damage)
	return bad
}

// What was defined in a lost block is known again from the next segment on.
func TestRestatedAfterLoss(t *testing.T) {
	list, file := sampleFile(t, options)
	marks := bytes.Count(file, options.Sync[:])
	if marks < 8 {
		t.Fatalf("only %d blocks", marks)
	}
	// break the second block; the head ends with the mark, too
	at := bytes.Index(file, options.Sync[:]) + 16
	at += bytes.Index(file[at:], options.Sync[:]) + 16 + 8
	file[at] ^= 0x40
	got, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := sound(list, got); err != nil {
		t.Fatal(err)
	}
	known := make(map[event.ProgramID]bool)
	for _, ev := range got {
		switch b := ev.Body.(type) {
		case *event.Damage:
			known = make(map[event.ProgramID]bool)
		case *event.Program:
			known[b.ID] = true
		}
	}
	if len(known) != 8 {
		t.Errorf("%d programs known at the end, want 8", len(known))
	}
}

// Each file of a set can be read alone; all in order are the stream; one that
// is missing is missed; another order is refused.
func TestSet(t *testing.T) {
	var files [3]bytes.Buffer
	list := sample()
	w, err := NewWriter(&files[0], options)
	if err != nil {
		t.Fatal(err)
	}
	for i, ev := range list {
		if i == 15 || i == 30 {
			if err := w.Continue(&files[i/15]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Write(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	readSet := func(numbers ...int) ([]event.Event, error) {
		r, err := NewReader(bytes.NewReader(files[numbers[0]].Bytes()))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		got, err := readAll(r)
		for _, n := range numbers[1:] {
			if err == nil {
				err = r.Continue(bytes.NewReader(files[n].Bytes()))
			}
			more, err2 := readAll(r)
			got, err = append(got, more...), errors.Join(err, err2)
		}
		return got, err
	}
	got, err := readSet(0, 1, 2)
	if d := diff(list, got); d != "" || err != nil {
		t.Errorf("all in order: %v\n%s", err, d)
	}
	// a file that its writer had begun only, or whose head was damaged, costs
	// what is in it
	second := bytes.Clone(files[1].Bytes())
	for _, bad := range [][]byte{nil, second[:2], second[:100], append([]byte("obj\x01"), second[4:]...), append(bytes.Clone(second[:40]), append([]byte{second[40] ^ 1}, second[41:]...)...)} {
		files[1].Reset()
		files[1].Write(bad)
		got, err = readSet(0, 1, 2)
		if err2 := sound(list, got); err != nil || err2 != nil {
			t.Errorf("a second file of %d bytes: %v, %v", len(bad), err, err2)
			continue
		}
		damage := 0
		for _, ev := range got {
			if b, ok := ev.Body.(*event.Damage); ok {
				damage++
				if b.Bytes != uint64(len(bad)) {
					t.Errorf("of a second file of %d bytes %d are named", len(bad), b.Bytes)
				}
			}
		}
		if last := got[len(got)-1]; damage != 1 || !same(last, list[len(list)-1]) {
			t.Errorf("a second file of %d bytes: damaged %d times, ends with %+v", len(bad), damage, last)
		}
	}
	files[1].Reset()
	files[1].Write(second)
	got, err = readSet(0, 2)
	if err2 := sound(list, got); err != nil || err2 != nil || diff(list, got) == "" {
		t.Errorf("one missing: %v %v", err, err2)
	}
	for _, alone := range []int{1, 2} {
		got, err = readSet(alone)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := got[0].Body.(*event.Host); !ok {
			t.Errorf("file %d begins with %T", alone, got[0].Body)
		}
		for _, ev := range got {
			if !restatable(list, ev.Body) && !slices.ContainsFunc(list, func(w event.Event) bool { return same(w, ev) }) {
				t.Errorf("file %d: %+v was not written", alone, ev.Body)
			}
		}
	}
	if _, err = readSet(1, 0); !errors.Is(err, ErrOther) {
		t.Errorf("out of order: %v", err)
	}
}

// What a manager said of a run that goes on is asked once: a later file says it
// again, until the run is forgotten.
func TestAnswersAreRestated(t *testing.T) {
	run := event.ProcessID{PID: 7, StartNS: 7}
	answer := &event.Unit{Question: event.Question{Unit: "a.service", Run: run}, Unit: event.UnitState{Name: "a.service"}}
	for _, forgotten := range []bool{false, true} {
		var first, second bytes.Buffer
		w, err := NewWriter(&first, options)
		if err != nil {
			t.Fatal(err)
		}
		list := []event.Body{&event.Host{}, &event.Process{ID: run}, answer}
		if forgotten {
			list = append(list, &event.Forget{Process: run})
		}
		for _, body := range list {
			if err := w.Write(event.Event{BootNS: 9, Body: body}); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Continue(&second), w.Close()); err != nil {
			t.Fatal(err)
		}
		got, err := read(second.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		found := slices.ContainsFunc(got, func(ev event.Event) bool {
			u, ok := ev.Body.(*event.Unit)
			return ok && cmp.Equal(u, answer)
		})
		if found == forgotten {
			t.Errorf("run forgotten: %v; answer in the second file: %v", forgotten, found)
		}
	}
}

// A writer whose file is full leaves what was written whole, and says so.
func TestDiskFull(t *testing.T) {
	for _, opt := range coded() {
		t.Run(string(opt.Codec), func(t *testing.T) { fillDisk(t, opt) })
	}
}

func fillDisk(t *testing.T, opt Options) {
	t.Helper()
	list, file := sampleFile(t, opt)
	head := bytes.Index(file, options.Sync[:]) + 16
	for _, room := range []int{(head + len(file)) / 2, len(file) - 1} {
		full := &limited{room: room}
		opt.SegmentBytes = 300
		w, err := NewWriter(full, opt)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range list {
			if err = w.Write(ev); err == nil {
				err = w.Flush()
			}
			if err != nil {
				break
			}
		}
		if err = errors.Join(err, w.Close()); !errors.Is(err, errFull) {
			t.Fatalf("%d bytes: %v", room, err)
		}
		got, err := read(full.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := sound(list, got); err != nil {
			t.Error(err)
		}
	}
}

// Recording goes on after a full disk. What was defined meanwhile is known, and what is
// missing is reported once.
func TestRestart(t *testing.T) {
	for _, opt := range coded() {
		list := sample()
		var files [2]bytes.Buffer
		first := &limited{room: 1 << 30}
		w, err := NewWriter(first, opt)
		if err != nil {
			t.Fatal(err)
		}
		var skipped int
		for i, ev := range list {
			switch {
			case i < 12:
				err = w.Write(ev)
			case i == 12:
				err = w.Flush()
				first.room = 3
				if w.Write(ev) == nil && w.Flush() == nil {
					t.Fatal("there was room")
				}
			case i < 25:
				if i == 20 && w.Restart(&limited{room: 60}) == nil {
					t.Fatal("there was room")
				}
				w.Skip(ev)
				skipped++
			case i == 25:
				if err = w.Restart(&files[1]); err == nil {
					err = w.Write(ev)
				}
			default:
				err = w.Write(ev)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		files[0].Write(first.Bytes()[:first.Len()-3]) // as the file is cut back to the last block
		r, err := NewReader(bytes.NewReader(files[0].Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got, err := readAll(r)
		if err == nil {
			err = r.Continue(bytes.NewReader(files[1].Bytes()))
		}
		if err != nil {
			t.Fatal(err)
		}
		more, err := readAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, more...)
		if err := sound(list, got); err != nil {
			t.Error(err)
		}
		damages := 0
		programs := map[event.ProgramID]bool{}
		for _, ev := range got {
			switch b := ev.Body.(type) {
			case *event.Damage:
				damages++
			case *event.Program:
				programs[b.ID] = true
			}
		}
		if damages != 1 || len(programs) != 8 || !same(got[len(got)-1], list[len(list)-1]) {
			t.Errorf("%s: %d damages, %d programs of 8, %d events", opt.Codec, damages, len(programs), len(got))
		}
	}
}

var errFull = errors.New("no space left")

type limited struct {
	bytes.Buffer
	room int
}

func (l *limited) Write(p []byte) (int, error) {
	n, _ := l.Buffer.Write(p[:min(len(p), l.room)])
	if l.room -= n; n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestNotARecording(t *testing.T) {
	for name, file := range map[string]string{"empty": "", "text": "hello, world", "json": `{"schema":1}`, "gzip": "\x1f\x8b\x08"} {
		if _, err := read([]byte(file)); !errors.Is(err, ErrNotRecording) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var other bytes.Buffer
	w, err := ocf.NewWriter(&other, avro.MustParse(`"string"`))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Encode("x"), w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := read(other.Bytes()); !errors.Is(err, ErrNotRecording) {
		t.Errorf("another Avro file: %v", err)
	}
}

// Whatever a file holds, reading it ends, and yields the same in however small
// parts it comes.
func FuzzReader(f *testing.F) {
	for _, opt := range coded() {
		_, file := sampleFile(f, opt)
		f.Add(file)
		f.Add(file[:len(file)-20])
	}
	for _, list := range shapes() {
		f.Add(write(f, options, list, func(i int) bool { return i%3 == 0 }))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		list, err := read(file)
		if err != nil && list != nil {
			t.Fatalf("%d events and %v", len(list), err)
		}
		r, errSlow := NewReader(&trickle{file})
		if (err == nil) != (errSlow == nil) {
			t.Fatalf("at once: %v; in parts: %v", err, errSlow)
		}
		if errSlow != nil {
			return
		}
		defer r.Close()
		slow, err := readAll(r)
		if d := diff(list, slow); d != "" || err != nil {
			t.Fatalf("in parts: %v (-at once +in parts):\n%s", err, d)
		}
	})
}

// shapes are streams that no machine can have seen, or that take much.
func shapes() [][]event.Event {
	id := func(i uint32) event.ProcessID { return event.ProcessID{PID: i + 1, StartNS: 1} }
	var own, circle, kinds, long []event.Event
	for i := range uint32(4) {
		own = append(own, event.Event{Body: &event.Process{ID: id(i), Parent: id(i)}})
		circle = append(circle, event.Event{Body: &event.Process{ID: id(i), Parent: id((i + 1) % 4)}})
		long = append(long, event.Event{Body: &event.Program{ID: event.ProgramID{Process: id(i)}, Argv: make([]string, 1<<10)}})
	}
	for i := range 2 * maxKinds {
		kinds = append(kinds, event.Event{Body: &event.Loss{Kind: event.LossKind(fmt.Sprint(i))}})
	}
	return [][]event.Event{own, circle, kinds, long}
}

// trickle gives a file away in small parts.
type trickle struct{ left []byte }

func (r *trickle) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.left[:min(61, len(r.left))])
	r.left = r.left[n:]
	return n, nil
}

// FuzzOlder: whatever schema the writer of a file claims to have had, and
// whatever its records are, what they are brought into has the form of this
// version, and is no more than it would take.
func FuzzOlder(f *testing.F) {
	for _, ev := range sample() {
		raw, err := appendRecord(nil, record{bootNS: ev.BootNS, body: ev.Body})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(fileSchema, raw, uint16(1))
	}
	body := `{"name":"body"`
	for _, added := range []string{
		`{"type":"array","items":"null"}`, `{"type":"map","values":"long"}`, `["null","string"]`,
		`{"type":"array","items":{"type":"record","name":"E","fields":[]}}`, `{"type":"fixed","name":"F","size":1000000}`,
	} {
		schema := strings.Replace(fileSchema, body, `{"name":"added","type":`+added+`},`+body, 1)
		f.Add(schema, []byte("\x02\x00\xfe\xff\xff\xff\x0f\x00\x04\x02"), uint16(2))
	}
	f.Add(strings.Replace(fileSchema, `"type":"long"`, `"type":"int"`, -1), []byte{2, 0, 4, 2}, uint16(1))
	f.Add(`{"type":"record","name":"nsblame.Observation","fields":[]}`, []byte{}, uint16(9))
	f.Add(`"string"`, []byte{0}, uint16(1))
	f.Fuzz(func(t *testing.T, schema string, raw []byte, count uint16) {
		older, err := newTranscoder(schema, fileSchema)
		if err != nil {
			return
		}
		plain, err := older.translate(raw, int(count))
		if err != nil {
			return
		}
		c := codec{mode: decoding, buf: plain, cells: maxCells}
		for range count {
			if _, ok := c.record(); !ok {
				return // a number that this version has fewer bits for: the reader calls it damage
			}
		}
		if len(c.rest()) > 0 || len(plain) > 4*maxBlock+maxRecord {
			t.Fatalf("%d bytes are left of %d", len(c.rest()), len(plain))
		}
	})
}

// FuzzRecord reads records out of bytes, as from a block whose checksum is
// right; what is read is written as something that reads the same.
func FuzzRecord(f *testing.F) {
	for _, ev := range append(sample(), runtimeEvents()...) {
		raw, err := appendRecord(nil, record{bootNS: ev.BootNS, body: ev.Body})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := codec{mode: decoding, buf: raw, cells: maxCells}
		first, ok := c.record()
		if !ok {
			return
		}
		again, err := appendRecord(nil, first)
		if err != nil {
			t.Fatal(err)
		}
		c = codec{mode: decoding, buf: again, cells: maxCells}
		second, ok := c.record()
		if !ok || len(c.rest()) > 0 {
			t.Fatalf("what was written of %+v is not read", first)
		}
		if thrice, _ := appendRecord(nil, second); !bytes.Equal(again, thrice) {
			t.Fatalf("%x\n%x", again, thrice)
		}
	})
}

// Every event of the vocabulary has a row in the table, and is drawn by the
// tests above.
func TestEveryEventHasAForm(t *testing.T) {
	var found []string
	files, err := filepath.Glob("../../event/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func \(\*(\w+)\) body\(\)`).FindAllStringSubmatch(string(source), -1) {
			found = append(found, m[1])
		}
	}
	if len(found) == 0 {
		t.Fatal("no events in package event")
	}
	drawn := make(map[string]bool)
	for i := range 1000 {
		drawn[reflect.TypeOf(body().Example(i)).Elem().Name()] = true
	}
	for _, name := range found {
		if !slices.ContainsFunc(kinds, func(k kind) bool { return k.name == name }) {
			t.Errorf("%s has no form", name)
		}
		if !drawn[name] {
			t.Errorf("%s is not among the events that tests draw", name)
		}
	}
}
