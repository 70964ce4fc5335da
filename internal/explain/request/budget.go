package request

import "github.com/nsblame/nsblame/internal/explain/bounded"

// What one of each takes at most, in bytes, with the texts in it.
const (
	sizeOfJob    = 72
	sizeOfUnit   = 320
	sizeOfUnread = 128
	sizeOfBus    = 160
	sizeOfName   = 800
	sizeOfTry    = 96
)

// Budgets are the bounds in bytes of what a Tracker remembers.
func Budgets() []bounded.Budget {
	const units = maxUnits + (maxManagers-1)*maxUnitsUsers
	return []bounded.Budget{
		{Name: "request: requests and calls", Bytes: maxKept},
		{Name: "request: jobs", Bytes: units * (sizeOfUnit + maxJobs*sizeOfJob)},
		{Name: "request: jobs of requests to restart what runs, and of other calls", Bytes: 3 * maxTries * sizeOfTry},
		{Name: "request: messages that cannot be read", Bytes: maxManagers * maxDoubted * maxUnreadMessages * sizeOfUnread},
		{Name: "request: listening sockets", Bytes: maxBuses * sizeOfBus},
		{Name: "request: owners of names", Bytes: maxNames * sizeOfName},
	}
}
