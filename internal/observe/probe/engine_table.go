package probe

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// engineTable is the kernel half's table of engines' sockets. Its methods are for one
// goroutine.
type engineTable struct {
	coll    *collection
	lengths [2]uint64
}

// unixAddressHead is what precedes the path in the length of an address: its family.
// Behind the path is a NUL (net/unix/af_unix.c, unix_mkname_bsd).
const unixAddressHead = 2

// put has the programs listen to what is sent to a socket.
func (t *engineTable) put(l engineListener) error {
	value := bpfEngineSocket{Uid: l.uid}
	if l.grpc {
		value.Grpc = 1
	}
	if l.holder != 0 {
		value.Holder, _ = t.coll.living(l.holder)
	}
	key := enginePathKey(l.path)
	if err := t.coll.maps[bpfMapEngineSockets].Put(key, value); err != nil {
		return fmt.Errorf("listen at %s: %w", l.path, err)
	}
	n := len(l.path) + unixAddressHead + 1
	bit := uint64(1) << (n % 64)
	if t.lengths[n/64]&bit != 0 {
		return nil
	}
	lengths := t.lengths
	lengths[n/64] |= bit
	if err := t.coll.variables[bpfVarEngineLengths].Set(lengths); err != nil {
		return fmt.Errorf("listen at paths of %d bytes: %w", len(l.path), err)
	}
	t.lengths = lengths
	return nil
}

// remove ends that.
func (t *engineTable) remove(path string) error {
	err := t.coll.maps[bpfMapEngineSockets].Delete(enginePathKey(path))
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("no longer listen at %s: %w", path, err)
	}
	return nil
}

func enginePathKey(path string) (key bpfEnginePath) {
	for i := range min(len(path), len(key.Text)-1) {
		key.Text[i] = int8(path[i])
	}
	return key
}
