package render

import (
	"testing"

	"github.com/nsblame/nsblame/internal/explain/condition"
)

func TestConditionText(t *testing.T) {
	created, leaked := condition.Condition{Name: condition.Created}, condition.Condition{Name: condition.Leaked}
	by := condition.Condition{Name: condition.CreatedBy, Pattern: "a*.service"}
	for _, tt := range []struct {
		met  condition.Met
		want string
	}{
		{condition.Met{Condition: by, Count: 2}, "created-by=a*.service was met by 2 namespaces"},
		{condition.Met{Condition: created, Count: 1, Doubt: condition.Doubt{Kind: condition.CreationsLost, Count: 2}}, "created was met by 1 namespace or more: up to 2 creations were lost"},
		{condition.Met{Condition: created, Doubt: condition.Doubt{Kind: condition.StreamCutOff}}, "created cannot be ruled out: the stream breaks off"},
		{condition.Met{Condition: created, Doubt: condition.Doubt{Kind: condition.RecordingDamaged}}, "created cannot be ruled out: a part of the recording cannot be read"},
		{condition.Met{Condition: created, Doubt: condition.Doubt{Kind: condition.CreationsUnseen, Count: 3}}, "created cannot be ruled out: 3 creations that the kernel counted were not seen"},
		{condition.Met{Condition: leaked, Count: 5, Doubt: condition.Doubt{Kind: condition.EndsLost, Count: 4}}, "leaked was met by 5 namespaces or more: up to 4 of them may have ended unseen"},
		{condition.Met{Condition: by, Doubt: condition.Doubt{Kind: condition.UnitsUnknown, Count: 6}}, "created-by=a*.service cannot be ruled out: the unit of 6 creations is not known"},
		{condition.Met{Condition: by, Doubt: condition.Doubt{Kind: condition.OriginsUnknown, Count: 7}}, "created-by=a*.service cannot be ruled out: the origin of 7 creations is not known"},
	} {
		if got := ConditionText(tt.met); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
