package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/condition"
)

// doubtWords has the words for each kind of doubt. {count} stands for its count.
var doubtWords = map[condition.DoubtKind]string{
	condition.RecordingDamaged: "for a part of the recording cannot be read",
	condition.StreamCutOff:     "for the stream breaks off",
	condition.CreationsLost:    "for up to {count} creations were lost",
	condition.CreationsUnseen:  "for {count} creations that the kernel counted were not seen",
	condition.EndsLost:         "of which up to {count} may have ended unseen",
	condition.UnitsUnknown:     "for the unit of {count} creations is not known",
	condition.OriginsUnknown:   "for the origin of {count} creations is not known",
}

// ConditionText says in words that a condition was met, or why it can't be ruled
// out that it was.
func ConditionText(m condition.Met) string {
	doubt := strings.ReplaceAll(doubtWords[m.Doubt.Kind], "{count}", fmt.Sprint(m.Doubt.Count))
	switch {
	case m.Count == 0:
		return fmt.Sprintf("%s: cannot be ruled out, %s", m.Condition, doubt)
	case doubt != "":
		return fmt.Sprintf("%s: %d or more, %s", m.Condition, m.Count, doubt)
	}
	return fmt.Sprintf("%s: %d", m.Condition, m.Count)
}
