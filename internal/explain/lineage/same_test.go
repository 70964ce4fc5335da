package lineage

import (
	"reflect"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// Descriptions that differ in any field are not the same.
func TestSame(t *testing.T) {
	if a, b := (Process{Argv: []string{"a"}, Exec: &Process{}}), (Process{Argv: []string{"a"}, Exec: &Process{}}); !a.Same(&b) {
		t.Error("the same is not the same")
	}
	other := map[string]any{
		"ID": event.ProcessID{PID: 1}, "Owner": event.Owner{UID: 1}, "CgroupDelegated": event.Delegation{Names: 1},
		"Argv": []string{"a"}, "Exec": &Process{Comm: "a"},
	}
	for i := range reflect.TypeFor[Process]().NumField() {
		field := reflect.TypeFor[Process]().Field(i)
		var a, b Process
		v := reflect.ValueOf(&b).Elem().Field(i)
		switch {
		case other[field.Name] != nil:
			v.Set(reflect.ValueOf(other[field.Name]))
		case v.Kind() == reflect.Bool:
			v.SetBool(true)
		case v.Kind() == reflect.String:
			v.SetString("a")
		default:
			v.SetUint(1)
		}
		if a.Same(&b) || b.Same(&a) {
			t.Errorf("%s makes no difference", field.Name)
		}
	}
}
