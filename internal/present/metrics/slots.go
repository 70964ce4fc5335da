package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nsblame/nsblame/internal/event"
)

const (
	// maxSlots is how many sets of cause labels have series of their own, beside one
	// "other" for each trigger.
	maxSlots = 128
	// ofUsers is how many of them are for what others than root create, and ofOne how
	// many one user has.
	ofUsers, ofOne = maxSlots / 2, maxSlots / 8
	// idleNS is how long nothing must have happened to a set that makes room for a new one.
	idleNS = uint64(3600e9)
)

// slot is a set of labels with its series.
type slot struct {
	labels
	owner           event.Owner
	created, failed prometheus.Counter
	// open is nil where the end of namespaces is not seen; alive is its value.
	open  prometheus.Gauge
	alive uint64
	// last is when something happened to it, nanoseconds since boot.
	last uint64
}

func (s *slot) change(alive uint64) {
	s.alive = alive
	if s.open != nil {
		s.open.Set(float64(alive))
	}
}

// slots are the sets of labels that have series.
type slots struct {
	created, failed *prometheus.CounterVec
	open            *prometheus.GaugeVec
	evicted         prometheus.Counter
	of              map[labels]*slot
	// others has the sets that stand for all that have none.
	others map[string]*slot
}

// slot finds the series for labels, those of "other" if there is no place. seen says
// whether the end of namespaces is seen.
func (l *slots) slot(key labels, owner event.Owner, now uint64, seen bool) *slot {
	s := l.of[key]
	if s == nil && l.room(owner, now) {
		s = l.newSlot(key, owner)
		l.of[key] = s
	}
	if s == nil {
		if s = l.others[key.trigger]; s == nil {
			s = l.newSlot(labels{key.trigger, Other, Other}, event.Owner{})
			l.others[key.trigger] = s
		}
	}
	if s.open == nil && seen {
		s.open = l.open.WithLabelValues(s.trigger, s.origin, s.workload)
		s.open.Set(float64(s.alive))
	}
	s.last = max(s.last, now)
	return s
}

func (l *slots) newSlot(key labels, owner event.Owner) *slot {
	return &slot{
		labels: key, owner: owner,
		created: l.created.WithLabelValues(key.trigger, key.origin, key.workload),
		failed:  l.failed.WithLabelValues(key.trigger, key.origin, key.workload),
	}
}

// room reports whether an owner may have one more set. If there are too many, one makes
// room that counts against the same bound, and to which nothing happened for long.
func (l *slots) room(owner event.Owner, now uint64) bool {
	var users, own int
	for _, s := range l.of {
		if s.owner.UID != 0 {
			users++
		}
		if s.owner == owner {
			own++
		}
	}
	switch {
	case owner.UID != 0 && own >= ofOne:
		return l.evict(now, func(s *slot) bool { return s.owner == owner })
	case owner.UID != 0 && users >= ofUsers:
		return l.evict(now, func(s *slot) bool { return s.owner.UID != 0 })
	case len(l.of) >= maxSlots:
		return l.evict(now, func(*slot) bool { return true })
	}
	return true
}

// evict drops the set that was idle for the longest, of those that count.
func (l *slots) evict(now uint64, counts func(*slot) bool) bool {
	var idle *slot
	for _, s := range l.of {
		if s.alive == 0 && s.last+idleNS <= now && counts(s) && (idle == nil || s.last < idle.last) {
			idle = s
		}
	}
	if idle == nil {
		return false
	}
	delete(l.of, idle.labels)
	for _, vec := range []interface{ DeleteLabelValues(...string) bool }{l.created, l.failed, l.open} {
		vec.DeleteLabelValues(idle.trigger, idle.origin, idle.workload)
	}
	l.evicted.Inc()
	return true
}
