package recording

import (
	"fmt"
	"reflect"

	"github.com/nsblame/nsblame/internal/event"
)

// Visitor is shown the fields of an event, in the order and with the names that
// they have in a recording.
type Visitor interface {
	// Field is a field with its value: a uint64, an int64, a bool, a string, a
	// []string, a []byte, or nil for what is absent. An identity is its text,
	// or nil if it names nothing.
	Field(name string, value any)
	// Record begins a record within the record, EndRecord ends it. In a list its
	// name is empty.
	Record(name string)
	EndRecord()
	// List begins a list of records, EndList ends it.
	List(name string)
	EndList()
}

// Kind returns the name that an event of this type has in a recording, empty if
// it has none.
func Kind(b event.Body) string {
	i, known := kindIndex[reflect.TypeOf(b)]
	if !known {
		return ""
	}
	return kinds[i].name
}

// Visit shows the fields of an event.
func Visit(b event.Body, v Visitor) error {
	i, known := kindIndex[reflect.TypeOf(b)]
	if !known {
		return fmt.Errorf("show an event: no form for %T", b)
	}
	kinds[i].walk(&codec{mode: visiting, visitor: v}, b)
	return nil
}

// visitRecord shows a record, one that identifies something as its text.
func visitRecord[T any](c *codec, name string, v *T, walk func(*codec, *T)) {
	switch id := any(*v).(type) {
	case event.ProcessID:
		visitIdentity(c, name, id)
	case event.ProgramID:
		visitIdentity(c, name, id)
	default:
		c.visitor.Record(name)
		walk(c, v)
		c.visitor.EndRecord()
	}
}

func visitIdentity[T interface {
	comparable
	fmt.Stringer
}](c *codec, name string, id T) {
	if id == *new(T) {
		c.visitor.Field(name, nil)
		return
	}
	c.visitor.Field(name, id.String())
}
