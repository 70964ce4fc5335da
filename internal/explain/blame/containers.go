package blame

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
)

// containers are the questions about containers, with what the files of their runtimes
// say.
type containers struct {
	files *bounded.Store[containerKey, containerFacts]
	// inquired has when each was last asked about.
	inquired *bounded.Store[containerKey, uint64]
	// containerAsks are the questions that nobody has put yet.
	containerAsks []event.ContainerQuestion
}

// containerKey names a container. An id is a runtime's own. realm tells the containers of
// users and of other containers apart, about which nobody is asked; it is zero for facts.
type containerKey struct {
	runtime, namespace, id string
	realm                  event.Owner
}

// containerFacts is an answer.
type containerFacts struct {
	*event.Container
	// at is when it was given.
	at uint64
}

func newContainers() containers {
	c := containers{
		files:    bounded.NewStore[containerKey, containerFacts](containerBudget),
		inquired: bounded.NewStore[containerKey, uint64](inquiredBudget),
	}
	// whoever needs it again asks again
	c.files.Drop = func(key containerKey, _ containerFacts) { c.inquired.Delete(key) }
	return c
}

func keyOf(q event.ContainerQuestion) containerKey {
	return containerKey{runtime: q.Runtime, namespace: q.Namespace, id: q.ID}
}

// freshNS is how long an answer about a container that was there is good for the next run
// of it: in a crash loop there are many.
const freshNS = 10e9

// ask asks about a container, unless that is known from just before.
func (c *containers) ask(q event.ContainerQuestion, at uint64) {
	key := keyOf(q)
	if f, ok := c.files.Get(key); ok && f.Why == "" && at < f.at+freshNS {
		return
	}
	c.inquired.Put(key, at, event.Owner{}, 0)
	c.containerAsks = append(c.containerAsks, q)
}

// tell takes an answer in.
func (c *containers) tell(at uint64, a *event.Container) {
	key := keyOf(a.Question)
	if f, ok := c.files.Get(key); ok && f.Why == "" && a.Why != "" {
		// gone, but what was known of it is still true of it
		c.inquired.Delete(key)
		return
	}
	c.inquired.Delete(key)
	c.files.Put(key, containerFacts{a, at}, event.Owner{}, containerSize(a))
}

// told returns what is known of a container. It is open while it is asked about.
func (c *containers) told(q event.ContainerQuestion) (f *event.Container, open bool) {
	key := keyOf(q)
	_, open = c.inquired.Get(key)
	known, _ := c.files.Use(key)
	return known.Container, open
}

// ContainerAsks returns the questions about containers that came up since the last
// call. Each must be answered with a Container event, if only to say that there is no
// answer.
func (b *Blamer) ContainerAsks() []event.ContainerQuestion {
	asks := b.containerAsks
	b.containerAsks = nil
	return asks
}
