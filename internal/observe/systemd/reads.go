package systemd

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nsblame/nsblame/internal/event"
)

// filesTimeout bounds the wait for a unit's files. A network file system can take
// as long as it likes.
const filesTimeout = 2 * time.Second

var (
	errFilesTime = fmt.Errorf("the unit's files were not read within %v", filesTimeout)
	errFilesHang = errors.New("the unit's files were not read: an earlier read still hangs")
)

// fileReads reads the files of one manager's units. A read that hangs is left to
// itself, and until it returns no other is begun.
type fileReads struct {
	// asUser has them read with the access of the manager's user, and with
	// nothing beyond. Then nothing that the user names is read which the user
	// cannot read.
	asUser bool
	// open replaces how files are read, for tests.
	open  func() readFile
	hangs atomic.Bool
}

// located is what came of a read.
type located struct {
	settings []event.UnitSetting
	err      error
}

// locate fills in the unit's Settings and Problems.
func (f *fileReads) locate(ctx context.Context, u *event.UnitState, who credentials, room *room) {
	found := f.read(ctx, u, who)
	locate(u, found, room)
}

// read reads the unit's files, or gives up on them.
func (f *fileReads) read(ctx context.Context, u *event.UnitState, who credentials) located {
	if u.FragmentPath == "" && len(u.DropInPaths) == 0 {
		return located{}
	}
	if !f.hangs.CompareAndSwap(false, true) {
		return located{err: errFilesHang}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, filesTimeout, errFilesTime)
	defer cancel()
	name, fragment, dropIns := u.Name, u.FragmentPath, u.DropInPaths
	done := make(chan located, 1)
	var found located
	work := func() { found.settings, found.err = readSettings(f.opener(), name, fragment, dropIns) }
	end := func(err error) {
		if err != nil {
			found.err = err
		}
		f.hangs.Store(false)
		done <- found
	}
	if f.asUser {
		asUser(who, work, end)
	} else {
		go func() {
			work()
			end(nil)
		}()
	}
	select {
	case found := <-done:
		return found
	case <-ctx.Done():
		return located{err: context.Cause(ctx)}
	}
}

func (f *fileReads) opener() readFile {
	if f.open != nil {
		return f.open()
	}
	return newFileReader().read
}
