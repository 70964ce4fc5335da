package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/stream/engine"
)

// source is a stream of events that has to be closed.
type source interface {
	engine.Source
	// Needs are the capabilities that it needs to go on.
	Needs() []right
	// Close frees what it holds; a live one detaches the probes.
	Close() error
}

// openLive is the way to the kernel. Tests replace it, to drive the verbs without one.
var openLive = attachLive

// liveFlags are the flags of verbs that observe the running kernel.
type liveFlags struct {
	duration   time.Duration // 0: until ended
	readyFile  readyFile
	bufferSize byteSize
	execWait   time.Duration
	startWait  time.Duration
	nameWait   time.Duration
	noBus      bool
	cost       bool
	attach     attachFlag
	// life is no flag: it is set unless the output cannot show who joins a
	// namespace and who held it last.
	life  bool
	pages hugePages
}

const (
	defaultExecWait = time.Second
	// defaultStartWait is DefaultTimeoutStartSec= of systemd: a unit that takes
	// longer is ended.
	defaultStartWait = 90 * time.Second
	// defaultNameWait is longer than a CNI plugin takes to come: 1 to 4 s on a machine
	// that is busy.
	defaultNameWait = 5 * time.Second
	// patientNameWait is for verbs before which nobody sits: a name that comes later is a
	// line of its own, and a report counts its creation as without one.
	patientNameWait = 30 * time.Second
)

// newPatientLiveFlags are those of verbs that show nothing until later.
func newPatientLiveFlags() liveFlags {
	f := newLiveFlags()
	f.nameWait = patientNameWait
	return f
}

func newLiveFlags() liveFlags {
	return liveFlags{
		bufferSize: defaultBufferSize, attach: newAttachFlag(), life: true,
		execWait: defaultExecWait, startWait: defaultStartWait, nameWait: defaultNameWait,
	}
}

func (f *liveFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var((*durationFlag)(&f.duration), "duration", "end this long after the probes are attached (90s, 10m, 2h, 1d)")
	flags.StringVar((*string)(&f.readyFile), "ready-file", "", "create this `file` once the probes are attached, and remove it at the end")
	flags.Var(&f.bufferSize, "buffer-size", "size of the buffer between kernel and nsblame, rounded up to a power of two (64K, 8M, 1G)")
	flags.BoolVar(&f.noBus, "no-bus", false, "watch neither D-Bus nor the sockets of units and container engines: who asked for the start of a unit or a container stays unknown")
	flags.BoolVar(&f.cost, "cost", false, costUsage(cmd))
	f.attach.add(cmd)
	flags.Var((*durationFlag)(&f.execWait), "exec-wait", "wait at most this long for the exec that usually follows")
	flags.Var((*durationFlag)(&f.startWait), "start-wait", "wait at most this long for the exec of a process that a service manager starts")
	flags.Var((*durationFlag)(&f.nameWait), "name-wait", "wait at most this long for the container or the pod that a container runtime made a namespace for")
}

// costUsage is the help for --cost, which also decides what a report shows.
func costUsage(cmd *cobra.Command) string {
	if cmd.Name() == "report" {
		return "rank the kernel's subsystems by their share of a creation; a recording must have been made with --cost"
	}
	return "measure each kernel subsystem's share of a creation, and the wait for the lock"
}

var (
	errDuration  = errors.New("--duration must be more than 0")
	errExecWait  = errors.New("--exec-wait must not be negative")
	errStartWait = errors.New("--start-wait must not be negative")
	errNameWait  = errors.New("--name-wait must not be negative")
	errReady     = errors.New("--ready-file needs the name of a file")
)

// validate checks what the flags' own types cannot.
func (f *liveFlags) validate(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	switch {
	case given("duration") && f.duration <= 0:
		return errDuration
	case f.execWait < 0:
		return errExecWait
	case f.startWait < 0:
		return errStartWait
	case f.nameWait < 0:
		return errNameWait
	case given("ready-file") && f.readyFile == "":
		return errReady
	}
	return nil
}

// observe attaches and runs the stream until the end of the duration or of ctx.
// run must call ready once all that it writes to is there: whoever waits for the
// ready file may open the recording next. It reports whether there was a stream
// at all: Ctrl-C may come before anything is attached.
func (f *liveFlags) observe(ctx context.Context, run func(ctx context.Context, live source, ready func() error) error) (observed bool, err error) {
	if err := f.readyFile.clear(); err != nil {
		return false, err
	}
	f.pages.refuse()
	collect := collectLater()
	defer collect()
	// before anything else: memory that was used before would be cleared, and so
	// touched
	defer runtime.KeepAlive(ballast())
	live, err := openLive(ctx, f)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { err = join(err, live.Close()) }()
	if f.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.duration)
		defer cancel()
	}
	defer func() { err = join(err, f.readyFile.withdraw()) }()
	return true, run(ctx, live, func() error {
		defer collect()
		return f.announce()
	})
}

// announce tells whoever waits that nsblame sees what happens from now on.
func (f *liveFlags) announce() error {
	if err := f.readyFile.announce(); err != nil {
		return err
	}
	// Of a unit with Type=notify; else there is nobody to tell.
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		return fmt.Errorf("tell the service manager that the probes are attached: %w", err)
	}
	// The start needs some times the memory that the rest does.
	debug.FreeOSMemory()
	return nil
}

// startHeap bounds what a start allocates without a collection. It allocates some
// 16 MiB, and most of that is in use to its end.
const startHeap = 28 << 20

// collectLater has the garbage collector rest until what it returns is called.
func collectLater() (collect func()) {
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(startHeap)
	return func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}
}

// ballast returns memory that is never touched, and so takes none of the machine's.
// The collector runs when what is allocated has doubled; what nsblame keeps
// is little once the probes are attached, and without this it would run at each
// second or third creation. A larger one would let the process itself grow.
func ballast() []byte { return make([]byte, 4<<20) }
