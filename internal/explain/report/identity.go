package report

import (
	"strconv"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Identity says of a creation to which cause a report counts it.
type Identity struct {
	// ID is Cause.ID of that cause.
	ID uint64
	// FamilyID is Cause.ID of the cause that stands for all that differ in the arguments
	// of their command alone, where a report merges them. It is 0 without arguments.
	FamilyID uint64
	// Trigger, Origin, Guest and Whom are as in Cause.
	Trigger finding.Trigger
	Origin  UnitRef
	Guest   string
	Whom    Whom
}

// Identify names the cause of a creation.
func Identify(k *finding.Attribution) Identity {
	_, id := Describe(k)
	return id
}

// Describe returns the cause of a creation, without anything that it did, and its name.
func Describe(k *finding.Attribution) (Cause, Identity) {
	cause, parts := identify(k)
	key := parts.key()
	id := Identity{ID: key.id(), Trigger: cause.Trigger, Origin: cause.Origin, Guest: cause.Guest, Whom: cause.Whom}
	if len(cause.Command) > 1 {
		family := mergedKey(shapeOf(parts.like(), cause.Command))
		id.FamilyID = family.id()
	}
	return cause, id
}

// shapeOf is what causes have in common that differ in the values of arguments alone.
func shapeOf(like digest, command []string) digest {
	return digestOf([]string{string(like[:]), strconv.Itoa(len(command))})
}
