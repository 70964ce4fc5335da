package model

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

// corpus holds what real machines were recorded to do.
const corpus = "../../cmd/nsblame/testdata/corpus"

// optional are the tokens that recordings of before do not have: replies were not
// recorded then. An order with one of them counts once a recording has such a token.
var optional = []string{"reply", "error"}

// named are the tokens about a name. A service that owns one is asked for by its unit
// in one scenario alone: until that is recorded, orders of both are left out.
var named = []string{"name owned", "name lost"}

const asksForNamed = "bus-restart.avro"

// order says that one thing came before another one around the beginning of a run.
type order struct{ first, second string }

// grammar are the orders that occur, each with where it does.
type grammar map[order]string

// Each order of what happens around a start of a unit that the model draws occurs on
// a real machine: of two things in it, the one that comes first has come first there.
func TestOrdersOccurInRecordings(t *testing.T) {
	recorded, drawn := make(grammar), make(grammar)
	for _, path := range recordings(t) {
		recorded.add(path, readEvents(t, path))
	}
	if len(recorded) == 0 {
		t.Fatal("no recordings")
	}
	w := newWire()
	for seed := range uint64(histories / 20) {
		p := Draw(seed)
		if p.adverse() {
			continue
		}
		h := carryOut(p, w)
		drawn.add(fmt.Sprint("seed ", seed), h.stream.out, h.doubtful()...)
	}
	_, err := os.Stat(filepath.Join(corpus, "bookworm", asksForNamed))
	for _, o := range slices.SortedFunc(maps.Keys(drawn), compareOrders) {
		if err != nil && (slices.Contains(named, o.first) || slices.Contains(named, o.second)) {
			continue
		}
		if _, ok := recorded[o]; !ok && recorded.knows(o) {
			t.Errorf("%s before %s (%s) occurs in no recording", o.first, o.second, drawn[o])
		}
	}
	t.Logf("%d orders drawn, %d recorded", len(drawn), len(recorded))
}

func compareOrders(a, b order) int {
	return strings.Compare(a.first+a.second, b.first+b.second)
}

// knows reports whether recordings have what an order is about, unless they need not.
func (g grammar) knows(o order) bool {
	for _, what := range []string{o.first, o.second} {
		if !slices.Contains(optional, what) {
			continue
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(g)), func(other order) bool { return other.first == what || other.second == what }) {
			return false
		}
	}
	return true
}

func recordings(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(corpus, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".avro") {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func readEvents(t *testing.T, path string) []event.Event {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := recording.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var list []event.Event
	for {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, ev)
	}
}

// token is something that happens around a start.
type token struct {
	at   uint64
	what string
	of   event.ProcessID // with "fork"
}

// reader takes a stream apart into what happens to each service.
type reader struct {
	processes map[event.ProcessID]*event.Process
	groups    map[event.CgroupID]string
	launcher  map[event.ProcessID]bool
	// unit is the unit by each of its names, and by its bus name.
	unit map[string]string
	// asked has what the answer to a call is about.
	asked  map[ask]string
	tokens map[string][]token
	first  map[event.ProcessID]string // the unit of a run, by its process
}

// doubtful are the runs for which more than one thing may have been the cause.
func (h *history) doubtful() []event.ProcessID {
	var list []event.ProcessID
	for _, c := range h.truth.creations {
		if c.run != nil && h.truth.doubt(c.run) != "" {
			list = append(list, c.run.main.id)
		}
	}
	return list
}

// add takes in the orders of a stream, but for those around some runs.
func (g grammar) add(where string, events []event.Event, without ...event.ProcessID) {
	r := &reader{
		processes: make(map[event.ProcessID]*event.Process), groups: make(map[event.CgroupID]string), launcher: make(map[event.ProcessID]bool),
		unit: make(map[string]string), asked: make(map[ask]string), tokens: make(map[string][]token), first: make(map[event.ProcessID]string),
	}
	for _, ev := range events {
		r.names(ev)
	}
	for _, ev := range events {
		r.read(ev)
	}
	for _, list := range r.tokens {
		slices.SortStableFunc(list, func(a, b token) int { return int(int64(a.at) - int64(b.at)) })
		for _, e := range episodes(list, without) {
			for i, a := range e {
				for _, b := range e[i+1:] {
					if o := (order{a.what, b.what}); a.what != b.what && g[o] == "" {
						g[o] = where
					}
				}
			}
		}
	}
}

// names learns what is called how.
func (r *reader) names(ev event.Event) {
	switch b := ev.Body.(type) {
	case *event.Unit:
		if b.Why != "" || b.Unit.Manager != event.ManagerSystem {
			return
		}
		for _, name := range append(b.Unit.Names, b.Unit.BusName) {
			if name != "" {
				r.unit[name] = b.Unit.Name
			}
		}
	case *event.Process:
		r.processes[b.ID] = b
	case *event.Program:
		if filepath.Base(b.Exe) == "dbus-broker-launch" {
			r.launcher[b.ID.Process] = true
		}
	case *event.Cgroup:
		r.groups[b.ID] = b.Path
	}
}

func (r *reader) put(unit string, at uint64, what string) {
	if unit != "" {
		r.tokens[unit] = append(r.tokens[unit], token{at: at, what: what})
	}
}

func (r *reader) read(ev event.Event) {
	switch b := ev.Body.(type) {
	case *event.NetnsCreate:
		p := r.processes[b.Creator]
		if p == nil || p.Parent.PID != 1 {
			return
		}
		place := cgroup.Parse(r.groups[b.Cgroup])
		if place.Manager != event.ManagerSystem || r.first[p.ID] != "" || r.unit[place.Unit] == "" {
			return
		}
		r.first[p.ID] = place.Unit
		r.tokens[place.Unit] = append(r.tokens[place.Unit], token{p.ID.StartNS, "fork", p.ID})
		r.put(place.Unit, ev.BootNS, "creation")
	case *event.Exec:
		r.put(r.first[b.Process], ev.BootNS, "exec")
	case *event.Exit:
		r.put(r.first[b.Process], ev.BootNS, "exit")
	case *event.BusMessage:
		r.message(ev.BootNS, b)
	}
}

// message reads what was sent on one of the system's sockets.
func (r *reader) message(at uint64, b *event.BusMessage) {
	if strings.HasPrefix(b.Path, "/run/user/") {
		return
	}
	where := "bus"
	if strings.HasSuffix(b.Path, "private") {
		where = "private"
	}
	for _, part := range dbuswire.ParseAll(b.Data) {
		m := part.Message
		unit, what := r.meaning(b, &m)
		switch {
		case m.Type == dbuswire.MethodReturn && b.FromBus, m.Type == dbuswire.Error && b.FromBus:
			unit = r.asked[ask{b.Conn, m.ReplySerial}]
			what = map[dbuswire.Type]string{dbuswire.MethodReturn: "reply", dbuswire.Error: "error"}[m.Type]
			if b.Conn == 0 {
				continue
			}
		case what == "":
			continue
		case what == "ask":
			what += " " + where
		}
		if m.Type == dbuswire.MethodCall && !b.FromBus {
			r.asked[ask{b.Conn, m.Serial}] = unit
		}
		r.put(unit, at, what)
	}
}

// meaning says what a message has to do with which unit.
func (r *reader) meaning(b *event.BusMessage, m *dbuswire.Message) (unit, what string) {
	if _, units, _, ok := dbuswire.StartJob(m); ok && len(units) == 1 {
		switch {
		case b.FromBus:
			what = "ask passed on"
		case r.launcher[b.Sender]:
			what = "launcher"
		default:
			what = "ask"
		}
		return r.unit[units[0]], what
	}
	if name, ok := dbuswire.ActivationRequest(m); ok && b.FromBus {
		return r.unit[name], "activation request"
	}
	if name, ok := dbuswire.WantedName(m); ok && !b.FromBus {
		return r.unit[name], "call"
	}
	switch {
	case (m.Member == "JobNew" || m.Member == "JobRemoved") && b.Sender.PID == 1 && len(m.Args) > 2:
		return r.unit[m.Args[2].Text], m.Member
	case m.Member == "NameOwnerChanged" && b.FromBus && m.Sender == dbuswire.BusName && len(m.Args) == 3 && b.PeerPID == 1:
		if m.Args[2].Text == "" {
			return r.unit[m.Args[0].Text], "name lost"
		}
		return r.unit[m.Args[0].Text], "name owned"
	}
	return "", ""
}

// episodes cuts what happened to a service into its beginnings. One for which
// several asked is left out: how those are interleaved is up to them.
func episodes(list []token, without []event.ProcessID) [][]token {
	var found [][]token
	from := 0
	owned := false
	for i, tok := range list {
		switch tok.what {
		case "name owned":
			owned = true
		case "name lost":
			owned = false
		case "call":
			if owned {
				list[i].what = ""
			}
		case "fork":
			if e, ok := beginning(list, from, i); ok && !slices.Contains(without, tok.of) {
				found = append(found, e)
			}
			from = i + 1
		}
	}
	return found
}

// beginning is what happened around the fork at i.
func beginning(list []token, from, i int) ([]token, bool) {
	tokens := make(map[string]int)
	begin := i
	for n := i - 1; n >= from; n-- {
		what := list[n].what
		if what == "creation" || what == "exec" || strings.HasPrefix(what, "JobRemoved") {
			break // of the run, or of the job, before
		}
		if strings.HasPrefix(what, "ask ") || what == "call" || what == "activation request" || what == "launcher" {
			tokens[what]++
			begin = n
		}
	}
	asks := tokens["ask bus"] + tokens["ask private"]
	activations := tokens["activation request"] + tokens["launcher"]
	switch {
	case asks+activations > 1 || tokens["call"] > activations:
		return nil, false
	case len(tokens) == 0:
		for begin > from && strings.HasPrefix(list[begin-1].what, "JobNew") {
			begin--
		}
	}
	end := i + 1
	for end < len(list) && !endsEpisode(list[end].what) {
		end++
	}
	var whole []token
	for _, tok := range list[begin:end] {
		if tok.what != "" {
			whole = append(whole, tok)
		}
	}
	return whole, true
}

// endsEpisode reports whether something belongs to what comes after a beginning.
func endsEpisode(what string) bool {
	return slices.Contains([]string{"exit", "fork", "name lost", "call", "activation request", "launcher"}, what) ||
		strings.HasPrefix(what, "ask ") || strings.HasPrefix(what, "JobNew")
}
