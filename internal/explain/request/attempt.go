package request

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
)

// attempt is a request for a job that may not show: its answer is still to come, or none
// was asked for. The unit may be named by an alias, and is empty where it could not be read.
// One that stands for several has in from when the first of them was made, and no unit.
type attempt struct {
	owner    Owner
	unit     string
	sent     messageID
	from, at uint64
}

// attempts are the latest of them to each manager. Those that it has to obey have room of
// their own: nobody else can have them forgotten. The system's manager has such rooms apart
// from those of users.
type attempts struct {
	system map[attempter][]attempt
	users  *bounded.Map[attempter, []attempt]
}

// attempter is whose attempts share a room.
type attempter struct {
	owner   Owner
	trusted bool
}

const (
	// maxTried bounds the attempts of a room, and maxTriedUsers those to a user's manager.
	maxTried      = 16
	maxTriedUsers = 2
	// maxRoomsUsers bounds the rooms for the managers of users.
	maxRoomsUsers = 2 * (maxManagers - 1)
	// maxAttempts bounds all together.
	maxAttempts = 2*maxTried + maxRoomsUsers*maxTriedUsers
)

func newAttempts() *attempts {
	return &attempts{make(map[attempter][]attempt), bounded.NewMap[attempter, []attempt](maxRoomsUsers)}
}

func (a *attempts) of(by attempter) []attempt {
	if by.owner.Manager == event.ManagerSystem {
		return a.system[by]
	}
	list, _ := a.users.Get(by)
	return list
}

func (a *attempts) put(by attempter, list []attempt) {
	if by.owner.Manager == event.ManagerSystem {
		a.system[by] = list
		return
	}
	a.users.Put(by, list)
}

// add remembers that a request was made. If there are too many, the two oldest become one.
func (a *attempts) add(r *Request) {
	by := attempter{r.Owner, r.isTrusted()}
	list, room := a.of(by), maxTried
	if r.Owner.Manager == event.ManagerUser {
		room = maxTriedUsers
	}
	if len(list) == room {
		list[1] = attempt{owner: r.Owner, from: list[0].from, at: list[1].at}
		list = slices.Delete(list, 0, 1)
	}
	a.put(by, append(list, attempt{r.Owner, r.Unit, r.sent, r.At, r.At}))
}

// answered takes in that a manager has answered a message.
func (a *attempts) answered(owner Owner, id messageID) {
	for _, trusted := range []bool{false, true} {
		by := attempter{owner, trusted}
		is := func(t attempt) bool { return t.sent == id }
		if list := a.of(by); slices.ContainsFunc(list, is) {
			a.put(by, slices.DeleteFunc(list, is))
		}
	}
}

// mayHaveMade reports whether a unit's job may have been made for one of them.
func (a *attempts) mayHaveMade(j *Job, owner Owner, mayName func(attempt) bool) bool {
	made := func(t attempt) bool {
		return t.from <= j.announced && j.announced <= t.at+maxFlightNS && mayName(t)
	}
	for _, trusted := range []bool{false, true} {
		if slices.ContainsFunc(a.of(attempter{owner, trusted}), made) {
			return true
		}
	}
	return false
}
