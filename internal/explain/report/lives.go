package report

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Life is a namespace in time, in nanoseconds since boot.
type Life struct {
	Created uint64
	// Ended is when it was released, 0 for one that was not.
	Ended uint64
	// Failed is set if it was not created.
	Failed bool
	// Logged is set if kernels before 4.17 would have logged it, LogID is the number in
	// that line.
	Logged bool
	LogID  int32
}

// Lives are the namespaces of a cause in time, in the order in which they ended.
type Lives struct {
	// Every is 1 if all are there. If there were too many, one of so many is.
	Every uint64
	// LogSize is the size in the kernel's line, 0 if it is not known or varies.
	LogSize uint32
	packed  []byte
	shifted uint64
	// n counts those that came, kept those that are there.
	n, kept       uint64
	created       uint64 // of the last one, in lifeUnit
	id            int32  // of the last one
	logged, mixed bool
}

// lifeUnit is how exact the times of lives are kept, in nanoseconds.
const lifeUnit = 100_000

// Codes of what became of a namespace. Above them is how long it lived.
const (
	codeOpen = iota
	codeFailed
	codeLived
)

// KeepLives has the report tell of each namespace when it was there, and how intervals
// are spread.
func (c *Collector) KeepLives() { c.pictured = true }

// Kept is how many there are.
func (l *Lives) Kept() int { return int(l.kept) }

// add takes one, unless it is one of those that are left out.
func (l *Lives) add(life Life) {
	l.Every = max(l.Every, 1)
	if l.n++; (l.n-1)%l.Every == 0 {
		l.put(life)
	}
}

// put packs one: how much later it was created than the one before, and how long it lived.
// Most take five bytes.
func (l *Lives) put(life Life) {
	at, code := life.Created/lifeUnit, uint64(codeOpen)
	switch {
	case life.Failed:
		code = codeFailed
	case life.Ended != 0:
		code = codeLived + (life.Ended-min(life.Ended, life.Created))/lifeUnit
	}
	code <<= 1
	if life.Logged {
		code |= 1
	}
	l.packed = binary.AppendVarint(l.packed, int64(at-l.created))
	l.packed = binary.AppendUvarint(l.packed, code)
	if life.Logged {
		l.packed = binary.AppendVarint(l.packed, int64(life.LogID)-int64(l.id))
		l.id = life.LogID
	}
	l.created = at
	l.kept++
}

// All yields the lives.
func (l *Lives) All() iter.Seq[Life] {
	return func(yield func(Life) bool) {
		var created uint64
		var id int64
		for rest := l.packed; len(rest) > 0; {
			later, n := binary.Varint(rest)
			code, m := binary.Uvarint(rest[n:])
			rest = rest[n+m:]
			created += uint64(later)
			life := Life{Created: created*lifeUnit + l.shifted, Failed: code>>1 == codeFailed, Logged: code&1 != 0}
			if lived := code >> 1; lived >= codeLived {
				life.Ended = life.Created + (lived-codeLived)*lifeUnit
			}
			if life.Logged {
				further, n := binary.Varint(rest)
				rest = rest[n:]
				id += further
				life.LogID = int32(id)
			}
			if !yield(life) {
				return
			}
		}
	}
}

// thin leaves every second one.
func (l *Lives) thin() {
	all := *l
	l.packed, l.created, l.id, l.kept, l.shifted = make([]byte, 0, len(all.packed)/2+64), 0, 0, 0, 0
	i := 0
	for life := range all.All() {
		if i%2 == 0 {
			l.put(life)
		}
		i++
	}
	l.Every = 2 * all.Every
}

// merge adds the lives of another cause.
func (l *Lives) merge(other *Lives) {
	if other.n == 0 {
		return
	}
	l.Every = max(l.Every, 1)
	for other.Every < l.Every {
		other.thin()
	}
	for l.Every < other.Every {
		l.thin()
	}
	l.rebase()
	for life := range other.All() {
		l.put(life)
	}
	l.n += other.n
	if other.logged {
		l.line(other.LogSize)
	}
	l.mixed = l.mixed || other.mixed
	if l.mixed {
		l.LogSize = 0
	}
}

// rebase has the lives packed by the times that they were shifted to.
func (l *Lives) rebase() {
	if l.shifted == 0 {
		return
	}
	all := *l
	l.packed, l.created, l.id, l.kept, l.shifted = nil, 0, 0, 0, 0
	for life := range all.All() {
		l.put(life)
	}
}

// line notes the size in a line of the kernel's.
func (l *Lives) line(size uint32) {
	switch {
	case !l.logged:
		l.LogSize, l.logged = size, true
	case size != l.LogSize:
		l.LogSize, l.mixed = 0, true
	}
}

// size is what the lives take.
func (l *Lives) size() uint64 { return uint64(cap(l.packed)) }

// minThinned is how many lives a cause has at least that is thinned.
const minThinned = 32

// live adds a life to a cause.
func (c *Collector) live(g *group, life Life) {
	if !c.pictured {
		return
	}
	before := g.lives.size()
	g.lives.add(life)
	c.livesSize += g.lives.size() - before
	c.trimLives()
}

// trimLives has the cause with the most lives keep half of them, if there are too many.
func (c *Collector) trimLives() {
	for c.livesSize > livesBudget/c.share {
		var most *group
		c.groups.All(func(_ digest, g *group) {
			if most == nil || cmp.Or(cmp.Compare(g.lives.size(), most.lives.size()), cmp.Compare(most.order, g.order)) > 0 {
				most = g
			}
		})
		if most == nil || most.lives.kept < minThinned {
			return // each of many causes has a few, and there is a bound for causes
		}
		before := most.lives.size()
		most.lives.thin()
		c.livesSize += most.lives.size() - before
	}
}

// tried notes in the list of lives what was not created, and the line that older kernels
// logged for the rest.
func (c *Collector) tried(g *group, k *finding.Attribution, l *life) {
	if !c.pictured {
		return
	}
	if k.Netns.Errno != 0 {
		c.live(g, Life{Created: k.BootNS, Failed: true})
	}
	for i := range k.Netns.Init {
		ipvs := k.Netns.Init[i].IPVS
		if ipvs == nil {
			continue
		}
		g.lives.line(ipvs.Size)
		if l != nil {
			l.logID, l.logged = ipvs.ID, true
		}
	}
}

// stillOpen adds the lives that were not over at the end.
func (c *Collector) stillOpen() {
	if !c.pictured {
		return
	}
	open := c.openLives()
	for _, l := range open {
		if g := l.group(); g != nil {
			c.live(g, Life{Created: l.created, LogID: l.logID, Logged: l.logged})
		}
	}
}

// stillOpenIn adds them to copies of causes, and leaves the causes as they are.
func (c *Collector) stillOpenIn(copies map[*group]*group) {
	if !c.pictured {
		return
	}
	own := make(map[*group]bool)
	for _, l := range c.openLives() {
		twin := copies[l.group()]
		if twin == nil {
			continue
		}
		if !own[twin] {
			own[twin] = true
			twin.lives.packed = slices.Clone(twin.lives.packed)
		}
		twin.lives.add(Life{Created: l.created, LogID: l.logID, Logged: l.logged})
	}
}

// openLives are those that are not over, in the order in which they began.
func (c *Collector) openLives() []*life {
	var open []*life
	c.alive.All(func(_ uint64, l *life) {
		if l.group() != nil && l.released == 0 && !l.freed {
			open = append(open, l)
		}
	})
	slices.SortFunc(open, func(a, b *life) int { return cmp.Compare(a.created, b.created) })
	return open
}
