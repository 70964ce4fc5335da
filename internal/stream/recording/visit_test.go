package recording

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

// names collects the names of fields on the top level.
type names struct {
	list  []string
	depth int
}

func (n *names) add(name string) {
	if n.depth == 0 {
		n.list = append(n.list, name)
	}
}

func (n *names) Field(name string, _ any) { n.add(name) }
func (n *names) Record(name string)       { n.add(name); n.depth++ }
func (n *names) EndRecord()               { n.depth-- }
func (n *names) List(name string)         { n.add(name); n.depth++ }
func (n *names) EndList()                 { n.depth-- }

// A visitor sees of every event the fields of the schema, in order, and none
// whose name the dump uses for itself.
func TestVisit(t *testing.T) {
	var schema struct {
		Fields []struct {
			Type json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(fileSchema), &schema); err != nil {
		t.Fatal(err)
	}
	var union []struct {
		Name   string
		Fields []struct{ Name string }
	}
	if err := json.Unmarshal(schema.Fields[2].Type, &union); err != nil {
		t.Fatal(err)
	}
	want := make(map[string][]string)
	for _, kind := range union {
		for _, f := range kind.Fields {
			want[kind.Name] = append(want[kind.Name], f.Name)
		}
	}
	own := []string{"seq", "boot_ns", "time", "type", "error", "messages"}
	rapid.Check(t, func(rt *rapid.T) {
		b := body().Draw(rt, "body")
		var got names
		if err := Visit(b, &got); err != nil {
			rt.Fatal(err)
		}
		if got.depth != 0 || !slices.Equal(got.list, want[Kind(b)]) {
			rt.Fatalf("%s: got %q, want %q", Kind(b), got.list, want[Kind(b)])
		}
		for _, name := range got.list {
			if slices.Contains(own, name) {
				rt.Fatalf("%s has a field %s", Kind(b), name)
			}
		}
	})
}

// identities collects fields that identify something.
type identities struct {
	names
	value map[string]any
}

func (i *identities) Field(name string, v any) { i.value[name] = v }

func TestVisitIdentity(t *testing.T) {
	i := &identities{value: make(map[string]any)}
	p := event.ProcessID{PID: 7, StartNS: 9}
	if err := Visit(&event.Process{ID: p, Program: event.ProgramID{Process: p, Exec: 2}}, i); err != nil {
		t.Fatal(err)
	}
	if i.value["id"] != "7@9" || i.value["parent"] != nil || i.value["program"] != "7@9#2" {
		t.Errorf("%v", i.value)
	}
}
