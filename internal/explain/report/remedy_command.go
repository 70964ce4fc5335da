package report

import (
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

func ofCommand(c *Cause) []Remedy {
	k := c.Example
	switch {
	case activated(k):
		return activation(c)
	case k.Origin.Process != nil && k.Origin.Process.ID == k.Process.ID:
		if r, ok := container(c); ok {
			return []Remedy{r, byCommand(c)}
		}
		return []Remedy{byCommand(c)}
	}
	if r, ok := container(c); ok {
		return []Remedy{r, byCommand(c)}
	}
	out := []Remedy{byCommand(c)}
	if unit := startedUnit(k); unit != "" {
		out = append(out, Remedy{
			Kind: FewerStarts,
			Do:   Advice{Code: AdviceKeepRunning, Unit: UnitRef{Unit: unit}},
			Cost: Drawback{Code: DrawbackMemory},
		})
	}
	return out
}

// startedUnit is the unit that the first request of the chain was about.
func startedUnit(k *finding.Attribution) string {
	for i := range k.Links {
		if l := &k.Links[i]; l.Kind == finding.KindBecause && l.Unit != "" {
			return stable(l.Unit, &k.Placement)
		}
	}
	return ""
}

// activated reports whether the chain begins with an activation over D-Bus.
func activated(k *finding.Attribution) bool {
	return slices.ContainsFunc(k.Links, func(l finding.Link) bool {
		_, ok := l.Activation()
		return ok
	})
}

func activation(c *Cause) []Remedy {
	name := c.Activated
	if name == "" {
		name = serviceNames[c.Creator.Unit]
	}
	if name == "" {
		name = c.Creator.Unit
	}
	var list []Remedy
	if r, ok := callInstead(name, c.Command); ok {
		list = append(list, r)
	}
	return append(list, Remedy{
		Kind: FewerStarts,
		Do:   Advice{Code: AdviceCallLess, BusName: name},
		Cost: Drawback{Code: DrawbackStaleOrMemory},
	}, byCommand(c))
}

// byCommand names who runs the command.
func byCommand(c *Cause) Remedy {
	out := Remedy{Kind: Command, Do: Advice{
		Code: AdviceChangeCommand, Unit: c.Origin, Parents: len(c.RunBy.Values), MoreParents: c.RunBy.Others > 0,
	}}
	switch {
	case isCron(c.Origin.Unit):
		out.Do.Code = AdviceChangeCrontab
		out.Commands = [][]string{{"ls", "/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/var/spool/cron"}}
	case c.Origin.Unit != "":
		out.Do.Code = AdviceChangeCommandIn
		if !c.Origin.Pattern && !strings.HasSuffix(c.Origin.Unit, ".scope") {
			out.Commands = [][]string{systemctl(&c.Origin, "status", c.Origin.Unit)}
		}
	}
	return out
}

func isCron(unit string) bool {
	return slices.Contains([]string{"cron.service", "crond.service", "cronie.service"}, unit)
}
