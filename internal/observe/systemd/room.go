package systemd

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

const (
	// maxUnit bounds in bytes what is kept of a unit: all that the manager says of
	// it, its settings and its problems. So an answer always fits into a block of
	// a recording, and a replay has the same answers as the live stream.
	maxUnit = 60 << 10
	// maxLists bounds what of it stands in lists: dependents, names, drop-ins.
	maxLists = 40 << 10
	// maxText bounds one text: a path (PATH_MAX).
	maxText = 4 << 10
)

// room is what may still be kept of a unit.
type room struct{ dbuswire.Room }

func newRoom() *room {
	return &room{dbuswire.Room{Left: maxUnit, Lists: maxLists, Text: maxText}}
}

// takeSetting takes the room for a setting.
func (r *room) takeSetting(s event.UnitSetting) bool {
	return len(s.File) <= maxText && r.Take(len(s.Value)) && r.Take(len(s.File)+len(s.Name))
}

// cutText cuts a text that a manager or the kernel has made.
func cutText(s string) string { return s[:min(len(s), maxText)] }
