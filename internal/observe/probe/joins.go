package probe

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/nsblame/nsblame/internal/event"
)

// pushJoins reports how often the remaining namespaces were joined, for those with
// more joins than the BPF programs reported.
func (s *Source) pushJoins() error {
	list, err := s.collection.joins()
	for _, n := range list {
		s.push(n)
	}
	return err
}

// joins reads the table of namespaces. By now nothing is added to it.
func (coll *collection) joins() ([]*event.NetnsJoinCount, error) {
	var (
		cursor ebpf.MapBatchCursor
		keys   = make([]uint64, activeBatch)
		values = make([]bpfLife, activeBatch)
		list   []*event.NetnsJoinCount
	)
	for {
		n, err := coll.maps[bpfMapLives].BatchLookup(&cursor, keys, values, nil)
		for i := range values[:n] {
			if values[i].Serial != 0 && values[i].Joins > uint32(bpfLimitJOINS_REPORTED) {
				list = append(list, &event.NetnsJoinCount{Serial: values[i].Serial, Joins: values[i].Joins})
			}
		}
		if err == nil {
			continue
		}
		slices.SortFunc(list, func(a, b *event.NetnsJoinCount) int { return cmp.Compare(a.Serial, b.Serial) })
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return list, nil
		}
		return list, fmt.Errorf("read the BPF map of namespaces: %w", err)
	}
}
