package request

import (
	"cmp"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

const (
	// maxKept bounds in bytes the requests, and the calls to names, that are
	// remembered.
	maxKept = 5 << 19
	// maxOfUnit bounds the requests of one owner for one unit.
	maxOfUnit = 32
	// maxNamesOfUnit bounds the names of one unit that are looked for.
	maxNamesOfUnit = 64
	// sizeOfRequest is about what a request takes besides its caller.
	sizeOfRequest = 512
)

// unitKey names a unit of a manager.
type unitKey struct {
	owner Owner
	unit  string
}

// store has the requests that are remembered, by what they are looked for.
type store struct {
	pile *pile
	// dropped is called with when a request was made for which there is no room, and
	// by whose process.
	dropped   func(at, matters uint64, owner event.Owner)
	byMessage map[messageID][]*Request
	byCall    map[messageID]*Request
	byUnit    map[unitKey]map[event.Owner][]*Request
}

func newStore(p *pile, dropped func(at, matters uint64, owner event.Owner)) *store {
	s := &store{pile: p, dropped: dropped}
	s.clear()
	return s
}

func (s *store) clear() {
	s.byMessage, s.byCall = make(map[messageID][]*Request), make(map[messageID]*Request)
	s.byUnit = make(map[unitKey]map[event.Owner][]*Request)
}

// storedRequest is a request in the pile.
type storedRequest struct {
	*Request
	in *store
}

func (r storedRequest) place() *kept { return &r.kept }

func (r storedRequest) forget(_ event.Owner) {
	r.in.miss(r.Request)
	r.in.drop(r.Request)
}

// miss counts a request for which there is no room. One with an answer has had its
// effect.
func (s *store) miss(r *Request) {
	if r.accepted {
		return
	}
	var owner event.Owner
	if r.Caller != nil {
		owner = r.Caller.Process.Owner
	}
	s.dropped(r.At, maxWaitNS, owner)
}

// ownerOf is the owner of whoever sent a request.
func (r *Request) ownerOf() event.Owner {
	if r.Activation || r.Caller == nil {
		return event.Owner{}
	}
	return sharer(r.Caller.Process.Owner)
}

func (s *store) add(r *Request) {
	key, owner := unitKey{r.Owner, r.Unit}, r.ownerOf()
	owners := s.byUnit[key]
	if owners == nil {
		owners = make(map[event.Owner][]*Request)
		s.byUnit[key] = owners
	}
	if list := owners[owner]; len(list) == maxOfUnit {
		s.miss(list[0])
		s.remove(list[0])
		if owners = s.byUnit[key]; owners == nil {
			owners = make(map[event.Owner][]*Request)
			s.byUnit[key] = owners
		}
	}
	owners[owner] = append(owners[owner], r)
	s.byMessage[r.sent] = append(s.byMessage[r.sent], r)
	s.pile.add(owner, sizeOfRequest+len(r.Unit)+r.Caller.hold(), storedRequest{r, s})
}

// remove takes a request out.
func (s *store) remove(r *Request) {
	s.pile.remove(storedRequest{r, s})
	s.drop(r)
}

// drop takes a request out of what it is found by.
func (s *store) drop(r *Request) {
	is := func(other *Request) bool { return other == r }
	r.Caller.release()
	key, owner := unitKey{r.Owner, r.Unit}, r.ownerOf()
	owners := s.byUnit[key]
	owners[owner] = slices.DeleteFunc(owners[owner], is)
	if len(owners[owner]) == 0 {
		delete(owners, owner)
	}
	if len(owners) == 0 {
		delete(s.byUnit, key)
	}
	if left := slices.DeleteFunc(s.byMessage[r.sent], is); len(left) == 0 {
		delete(s.byMessage, r.sent)
	} else {
		s.byMessage[r.sent] = left
	}
	if s.byCall[r.call] == r {
		delete(s.byCall, r.call)
	}
}

// of returns the requests for a unit by one of its names that were made in a time, in
// their order.
func (s *store) of(owner Owner, names []string, after, until uint64) []*Request {
	var found []*Request
	seen := make(map[string]bool, min(len(names), maxNamesOfUnit))
	for _, name := range names[:min(len(names), maxNamesOfUnit)] {
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, list := range s.byUnit[unitKey{owner, name}] {
			for _, r := range list {
				if r.At > after && r.At <= until {
					found = append(found, r)
				}
			}
		}
	}
	slices.SortFunc(found, func(x, y *Request) int {
		return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.order, y.order))
	})
	return found
}

// sizeOfProcess is about what a process takes in a caller besides its texts,
// sizeOfString what each of them takes besides its bytes.
const (
	sizeOfProcess = 400
	sizeOfString  = 16
)

// hold counts the caller as remembered once more. It returns what that takes.
func (c *Caller) hold() int {
	if c == nil {
		return 0
	}
	if c.refs++; c.refs > 1 {
		return 0
	}
	size := 0
	for i := range c.Ancestry {
		size += sizeOf(&c.Ancestry[i])
	}
	return size + sizeOf(&c.Process)
}

func sizeOf(p *lineage.Process) int {
	size := sizeOfProcess + len(p.Comm) + len(p.Exe) + len(p.Cgroup)
	for _, arg := range p.Argv {
		size += sizeOfString + len(arg)
	}
	return size
}

func (c *Caller) release() {
	if c != nil {
		c.refs--
	}
}
