package finding

import (
	"slices"

	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// The sizes of what has no strings, in bytes.
const (
	attributionSize = 640
	linkSize        = 192
	settingSize     = 88
	forSize         = 128
	podSize         = 256 // with its workload
	labelSize       = 32
	containerSize   = 144
)

// Size is what an attribution takes in memory, with the creation. Strings that it
// shares count, for nothing says how long others keep them.
func (c *Attribution) Size() uint64 {
	size := attributionSize + c.Creation.Size() + c.Origin.size()
	if own := c.Ancestry; len(own) > 0 && len(c.Origin.Ancestry) > 0 && &own[0] == &c.Origin.Ancestry[0] {
		size -= lineage.SizeOf(own) // it is one list
	}
	for i := range c.Links {
		size += c.Links[i].size()
	}
	for i := range c.Settings {
		s := &c.Settings[i]
		size += settingSize + uint64(len(s.Value)+len(s.File))
	}
	if f := c.For; f != nil {
		size += forSize + f.Pod.size() + f.Container.size() + uint64(len(f.Why.Text))
	}
	return size
}

// size is what a pod takes. It is 0 for none.
func (p *Pod) size() uint64 {
	if p == nil {
		return 0
	}
	size := podSize + uint64(len(p.Namespace)+len(p.Name)+len(p.UID)+len(p.Source)+len(p.Manifests))
	for _, l := range p.Labels {
		size += labelSize + uint64(len(l.Key)+len(l.Value))
	}
	if p.Workload != nil {
		size += uint64(len(p.Workload.Name))
	}
	return size
}

// size is what a container takes. It is 0 for none.
func (c *Container) size() uint64 {
	if c == nil {
		return 0
	}
	return containerSize + uint64(len(c.ID)+len(c.Namespace)+len(c.Name)+len(c.Image)+len(c.ComposeProject)+len(c.ComposeService))
}

func (o *Origin) size() uint64 {
	size := lineage.SizeOf(o.Ancestry) + bounded.Text([]string{o.Unit, o.Why.Text, o.Why.Unit}) + o.Pod.size() + o.Container.size()
	if o.Process != nil {
		size += o.Process.Size()
	}
	return size
}

func (l *Link) size() uint64 {
	size := linkSize + uint64(len(l.Unit)) + lineage.SizeOf(l.Ancestry)
	if l.Process != nil {
		size += l.Process.Size()
	}
	return size
}

// Brief is an attribution with long argument lists cut as those of ancestors are.
func (c *Attribution) Brief() *Attribution {
	out, creation := *c, *c.Creation
	creation.Process = creation.Process.Brief()
	creation.Child = brief(creation.Child)
	out.Creation = &creation
	out.Origin.Process = brief(out.Origin.Process)
	out.Links = slices.Clone(c.Links)
	for i := range out.Links {
		out.Links[i].Process = brief(out.Links[i].Process)
	}
	return &out
}

func brief(p *lineage.Process) *lineage.Process {
	if p == nil {
		return nil
	}
	out := p.Brief()
	return &out
}
