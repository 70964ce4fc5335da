package metrics

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
)

// maxLabel is how many bytes of a label's value are shown.
const maxLabel = 128

// labels are the values of cause.
type labels struct{ trigger, origin, workload string }

func labelsOf(k *finding.Attribution, id *report.Identity) labels {
	return labels{trigger: string(id.Trigger), origin: safe(originOf(id)), workload: safe(workloadOf(k, &id.Whom))}
}

// originOf names the unit or the container that a cause began in, empty for none.
func originOf(id *report.Identity) string {
	u := &id.Origin
	switch {
	case id.Guest != "":
		return "guest/" + id.Guest
	case id.Whom.Container != "":
		return "container/" + id.Whom.Container
	case u.Unit == "" || u.Manager != event.ManagerUser:
		return u.Unit
	case u.HasOwner:
		return "user@" + strconv.FormatUint(uint64(u.OwnerUID), 10) + "/" + u.Unit
	}
	return "user/" + u.Unit
}

// workloadOf names for whom a namespace is, empty where that is not known. A container
// that is no pod's is named by what stays: its name is often made up for one run.
func workloadOf(k *finding.Attribution, whom *report.Whom) string {
	switch w := whom.Workload; {
	case w != nil:
		return whom.PodNamespace + "/" + strings.ToLower(w.Kind) + "/" + w.Name
	case whom.Pod != "":
		return whom.PodNamespace + "/pod/" + whom.Pod
	case k.For == nil || k.For.Container == nil:
		return ""
	}
	switch c := k.For.Container; {
	case c.ComposeProject != "":
		return "compose/" + c.ComposeProject + "/" + c.ComposeService
	case c.Image != "":
		return "image/" + c.Image
	}
	return ""
}

// safe is a value that is valid, short, and harmless on a terminal. Long ones end in "…".
func safe(s string) string {
	if plain(s) {
		return s
	}
	cut := len(s) > maxLabel
	out := render.Sentence(s[:min(len(s), maxLabel)])
	if len(out) > maxLabel {
		cut, out = true, out[:maxLabel]
	}
	if !cut {
		return out
	}
	const dots = "…"
	out = out[:min(len(out), maxLabel-len(dots))]
	for !utf8.ValidString(out) {
		out = out[:len(out)-1]
	}
	return out + dots
}

// plain reports whether a value can be shown as it is.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return len(s) <= maxLabel
}
