package render

import (
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/report"
)

// reportWords has the words for each reason of a report. {count} and {probe}
// stand for the fields of the reason.
var reportWords = map[report.ReasonCode]string{
	report.EndsNotWatched:    "nothing in the stream says that the end of namespaces was watched",
	report.NoUnitsAtBegin:    "the stream does not tell which units were there when it began",
	report.NoUnitsAtEnd:      "the stream ends without telling which units were there then",
	report.ProcessesUnplaced: "the unit of {count} processes is not known",
	report.TooManyUnits:      "there were too many units",
	report.TooManyInvolved:   "there were more units than are kept",
	report.RecordsLost:       "{count} records were lost",
	report.RecordingDamaged:  "{count} parts of the recording cannot be read",
	report.StreamCutOff:      "the stream breaks off",
	report.ProbeNotLive:      "the probe {probe} was not live",
	report.CreationsUnseen:   "{count} creations were counted by the kernel and are not in the stream",
	report.CreatorsUnplaced:  "the unit that made {count} of the namespaces is not known",
	report.LineageCut:        "the ancestors of those who made {count} of the namespaces are not all known",
	report.OriginsUnknown:    "who caused {count} of the namespaces is not known: any of them may have",
	report.SeveralRecordings: "it is told of one recording at a time",
	report.EnginesNotHeard:   "who asked a container runtime for {count} of the namespaces was not heard",
}

// reportReasonText is a reason in words, empty for none.
func reportReasonText(r report.Reason) string {
	if r.Code == "" {
		return r.Text
	}
	fields := strings.NewReplacer("{count}", strconv.FormatUint(r.Count, 10), "{probe}", string(r.Probe))
	return fields.Replace(reportWords[r.Code])
}

func reportReasonTexts(list []report.Reason) []string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = reportReasonText(r)
	}
	return out
}
