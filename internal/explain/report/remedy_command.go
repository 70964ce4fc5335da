package report

import (
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

func ofCommand(c *Cause) []Remedy {
	k := c.Example
	if by := activated(k); by != nil {
		return activation(c, by)
	}
	if tool, ok := toolOf(k.For); ok {
		return []Remedy{byCommand(c), runWithin(tool)}
	}
	switch {
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
	if unit, ok := startedUnit(k); ok {
		out = append(out, Remedy{
			Kind: FewerStarts,
			Do:   Advice{Code: AdviceKeepRunning, Unit: unit},
			Cost: Drawback{Code: DrawbackMemory},
		})
	}
	return out
}

// startedUnit is the unit that the first request of the chain was about.
func startedUnit(k *finding.Attribution) (UnitRef, bool) {
	for i := range k.Links {
		if l := &k.Links[i]; l.Kind == finding.KindBecause && l.Unit != "" {
			return linkRef(l, &k.Placement), true
		}
	}
	return UnitRef{}, false
}

// activated returns the link by which a service was activated over D-Bus, nil if
// there is none.
func activated(k *finding.Attribution) *finding.Link {
	for i := range k.Links {
		if _, ok := k.Links[i].Activation(); ok {
			return &k.Links[i]
		}
	}
	return nil
}

func activation(c *Cause, by *finding.Link) []Remedy {
	service := c.Creator
	if by.Unit != "" {
		service = linkRef(by, &c.Example.Placement)
	}
	name := c.Activated
	if name == "" && service.machines() {
		name = serviceNames[service.Unit]
	}
	if name == "" {
		name = service.Unit
	}
	var list []Remedy
	// on a user's bus the same name is a service of his own
	if r, ok := callInstead(name, c.Command); ok && service.machines() {
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
	case isCron(&c.Origin):
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

// isCron reports whether the unit is the machine's cron.
func isCron(u *UnitRef) bool {
	return u.machines() && slices.Contains([]string{"cron.service", "crond.service", "cronie.service"}, u.Unit)
}
