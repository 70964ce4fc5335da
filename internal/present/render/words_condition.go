package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/condition"
)

// doubtWords has the words for each kind of doubt. {count} stands for its count.
var doubtWords = map[condition.DoubtKind]string{
	condition.RecordingDamaged: "a part of the recording cannot be read",
	condition.StreamCutOff:     "the stream breaks off",
	condition.CreationsLost:    "up to {count} creations were lost",
	condition.CreationsUnseen:  "{count} creations that the kernel counted were not seen",
	condition.EndsLost:         "up to {count} of them may have ended unseen",
	condition.UnitsUnknown:     "the unit of {count} creations is not known",
	condition.OriginsUnknown:   "the origin of {count} creations is not known",
	condition.ForUnknown:       "it is not known which container or pod {count} creations were for",
}

// ConditionText says in words that a condition was met, or why it can't be ruled
// out that it was.
func ConditionText(m condition.Met) string {
	doubt := strings.ReplaceAll(doubtWords[m.Doubt.Kind], "{count}", fmt.Sprint(m.Doubt.Count))
	switch {
	case m.Count == 0:
		return fmt.Sprintf("%s cannot be ruled out: %s", m.Condition, doubt)
	case doubt != "":
		return fmt.Sprintf("%s was met by %s or more: %s", m.Condition, countedBy(m), doubt)
	}
	return fmt.Sprintf("%s was met by %s", m.Condition, countedBy(m))
}

// countedBy is how many things met a condition, and what they are.
func countedBy(m condition.Met) string {
	switch m.Condition.Name {
	case condition.Created, condition.CreatedBy, condition.Leaked:
		return counted(m.Count, "namespace")
	case condition.Failed:
		return counted(m.Count, "failed attempt")
	case condition.Lost:
		return counted(m.Count, "lost event")
	}
	return counted(m.Count, "creation")
}
