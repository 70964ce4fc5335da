package request

import "github.com/nsblame/nsblame/internal/explain/bounded"

// What one of each takes at most, in bytes, with the texts in it.
const (
	sizeOfJob    = 72
	sizeOfUnit   = 320
	sizeOfUnread = 128
	sizeOfBus    = 160
	sizeOfName   = 800
	// the name of a unit has 255 bytes
	sizeOfAttempt = 352
)

// Budgets are the bounds in bytes of what a Tracker remembers.
func Budgets() []bounded.Budget {
	const units = maxUnits + (maxManagers-1)*maxUnitsUsers
	return []bounded.Budget{
		{Name: "request: requests and calls", Bytes: maxKept},
		{Name: "request: jobs", Bytes: units * (sizeOfUnit + maxJobs*sizeOfJob)},
		{Name: "request: what came of calls", Bytes: 4 * maxTries},
		{Name: "request: calls for jobs that may not show", Bytes: 2 * maxAttempts * sizeOfAttempt},
		{Name: "request: messages that cannot be read", Bytes: maxManagers * maxDoubted * maxUnreadMessages * sizeOfUnread},
		{Name: "request: listening sockets", Bytes: maxBuses * sizeOfBus},
		{Name: "request: owners of names", Bytes: maxNames * sizeOfName},
		{Name: "request: requests to container engines", Bytes: maxAsked},
		{Name: "request: connections to socket units", Bytes: maxConnections},
		{Name: "request: requests to container engines that cannot be read", Bytes: maxManagers*sizeOfManager + maxUnreadEngines*maxDoubted*maxUnreadMessages*sizeOfUnread},
	}
}
