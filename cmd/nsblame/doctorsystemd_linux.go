package main

import (
	"context"
	"errors"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/systemd"
)

// manager is what doctor asks of systemd.
type manager interface {
	Boot(context.Context) (event.ManagerBoot, error)
	NamesFailed(context.Context) (bool, error)
}

// checkSystemd tells how much can be known beyond the lineage: why a unit was
// started is systemd's to say.
func checkSystemd(ctx context.Context, m manager) []kernel.Finding {
	return []kernel.Finding{checkManager(ctx, m), checkOnFailure(ctx, m)}
}

func checkManager(ctx context.Context, m manager) kernel.Finding {
	f := kernel.Finding{Name: "systemd", Verdict: kernel.OK}
	boot, err := m.Boot(ctx)
	switch {
	case err == nil:
		f.Detail = boot.Version
	case errors.Is(err, systemd.ErrNoManager):
		f.Verdict, f.Detail = kernel.Degraded, "there is none: what is blamed ends with the lineage and the cgroup path"
	default:
		f.Verdict, f.Detail = kernel.Degraded, err.Error()
	}
	return f
}

func checkOnFailure(ctx context.Context, m manager) kernel.Finding {
	f := kernel.Finding{Name: "systemd:OnFailureOf"}
	has, err := m.NamesFailed(ctx)
	switch {
	case err != nil:
		f.Verdict, f.Detail = kernel.Unknown, "systemd was not asked"
		if !errors.Is(err, systemd.ErrNoManager) {
			f.Detail = err.Error()
		}
	case has:
		f.Verdict, f.Detail = kernel.OK, "a unit names those whose failure starts it"
	default:
		f.Verdict = kernel.Degraded
		f.Detail = "a unit doesn't name those whose failure starts it: what OnFailure= started has an unknown origin"
		f.Remedy = "systemd 249 or newer"
	}
	return f
}
