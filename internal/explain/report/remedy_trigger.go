package report

import (
	"strings"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

func fixFailure(c *Cause, do AdviceCode) Remedy {
	unit := c.Origin.Unit
	return Remedy{
		Kind:     FixFailure,
		Do:       Advice{Code: do, Unit: c.Origin, Restart: c.Restarted},
		Commands: [][]string{systemctl(&c.Origin, "status", unit), journal(&c.Origin, unit)},
		Cost:     Drawback{Code: DrawbackServiceDown},
	}
}

func timerInterval(c *Cause) Remedy {
	t := c.Origin.Unit
	return Remedy{
		Kind:     TimerInterval,
		Do:       Advice{Code: AdviceSlowTimer, Unit: c.Origin},
		Commands: [][]string{systemctl(&c.Origin, "list-timers", "--all", t), systemctl(&c.Origin, "cat", t)},
		Cost:     Drawback{Code: DrawbackRunsLess},
	}
}

func socket(c *Cause) Remedy {
	s := c.Origin.Unit
	if !strings.Contains(c.Creator.Unit, "@*.service") {
		return Remedy{
			Kind:     FewerStarts,
			Do:       Advice{Code: AdviceKeepSocketService, Unit: c.Origin},
			Commands: [][]string{systemctl(&c.Origin, "status", s)},
			Cost:     Drawback{Code: DrawbackMemory},
		}
	}
	return Remedy{
		Kind:     SocketAccept,
		Do:       Advice{Code: AdviceAcceptNo, Unit: c.Origin, Service: c.Creator.Unit},
		Commands: [][]string{systemctl(&c.Origin, "status", s), systemctl(&c.Origin, "cat", s)},
		Cost:     Drawback{Code: DrawbackOneProcess},
	}
}

// started is for what can only be looked at.
func started(c *Cause) Remedy {
	u := c.Origin.Unit
	if c.Trigger == finding.TriggerBoot {
		return Remedy{
			Kind: FewerStarts, Do: Advice{Code: AdviceNothing, Unit: c.Origin},
			Commands: [][]string{systemctl(&c.Origin, "status", u)},
		}
	}
	return Remedy{
		Kind:     FewerStarts,
		Do:       Advice{Code: AdviceChangeTrigger, Unit: c.Origin},
		Commands: [][]string{systemctl(&c.Origin, "status", u), systemctl(&c.Origin, "cat", u)},
		Cost:     Drawback{Code: DrawbackRunsLess},
	}
}
