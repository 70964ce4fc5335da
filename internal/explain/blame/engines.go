package blame

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/machinery"
)

// engines are the processes that were seen to be an engine, by what they are and in whose
// name they run. dockerd is no ancestor of what containerd makes for it.
type engines struct {
	known *bounded.Store[engineKey, []event.ProcessID]
}

type engineKey struct {
	engine event.Engine
	uid    uint32
}

// maxEngines bounds the processes that are one engine of one user: restarted ones, and
// those in containers.
const maxEngines = 8

func newEngines() engines {
	return engines{bounded.NewStore[engineKey, []event.ProcessID](enginesBudget)}
}

// learnEngine remembers a process if it is an engine.
func (b *Blamer) learnEngine(p *lineage.Process) {
	engine, ok := b.machine.EngineOf(p)
	if !ok {
		return
	}
	key := engineKey{engine, b.machine.RealmOf(p).UID}
	list, _ := b.engines.known.Use(key)
	if slices.Contains(list, p.ID) {
		return
	}
	list = append(slices.Clone(list), p.ID)
	list = list[max(0, len(list)-maxEngines):]
	b.engines.known.Put(key, list, bounded.ShareOfUser(key.uid), uint64(len(list))*16)
}

// onlyEngine is the engine of a kind in a realm that ran at a time. It is zero if there
// was none, or if there were several.
func (b *Blamer) onlyEngine(kind event.Engine, realm machinery.Realm, at uint64) (only event.ProcessID) {
	list, _ := b.engines.known.Use(engineKey{kind, realm.UID})
	for _, id := range list {
		p := b.tree.Process(id)
		switch {
		case p.Unresolved, p.Exited && p.ExitNS <= at, id.StartNS > at, b.machine.RealmOf(&p).PIDNamespace != realm.PIDNamespace:
		case only.IsZero():
			only = id
		default:
			return event.ProcessID{}
		}
	}
	return only
}

// engineProcess is the engine that was asked for what machinery did, zero where it is not
// known which process that is. For docker's containers that is dockerd, who has asked
// containerd for each by its id.
func (b *Blamer) engineProcess(m *made) (id event.ProcessID) {
	w := m.work
	if w.Head != nil {
		if kind, ok := b.machine.EngineOf(w.Head); ok && kind == w.Engine {
			return w.Head.ID
		}
		for i := range w.Above {
			if kind, ok := b.machine.EngineOf(&w.Above[i]); ok && kind == w.Engine {
				return w.Above[i].ID
			}
		}
		for _, q := range b.requests.EngineAsks(w.Head.ID, []string{w.ID}, m.at) {
			if !q.Known {
				continue
			}
			if kind, ok := b.machine.EngineOf(&q.Caller.Process); ok && kind == w.Engine {
				return q.Caller.Process.ID
			}
		}
	}
	return b.onlyEngine(w.Engine, w.Realm, m.at)
}
