package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
	libcap "kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/inventory"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/privilege"
	"github.com/nsblame/nsblame/internal/observe/probe"
	"github.com/nsblame/nsblame/internal/observe/survey"
	"github.com/nsblame/nsblame/internal/present/render"
)

// defaultBufferSize is the default of --buffer-size.
const defaultBufferSize = probe.DefaultBufferSize

// right is a capability.
type right = libcap.Value

// tryProbes attaches and detaches. Tests replace it.
var tryProbes = attachProbes

// listUnits lists the units that run here. Tests replace it.
var listUnits = survey.Units

// attachLive attaches the probes.
func attachLive(_ context.Context, f *liveFlags) (source, error) {
	return openMachine(probe.Options{
		BufferSize: int(f.bufferSize),
		ExecWait:   f.execWait,
		StartWait:  f.startWait,
		NameWait:   f.nameWait,
		Version:    readVersion().Version,
		NoBus:      f.noBus,
		Cost:       f.cost,
		Life:       f.life,
		Attach:     f.attach.method(),
	})
}

// method is what the flag says, for the probes.
func (f *attachFlag) method() probe.Attach { return probe.Attach(f.value) }

// giveUp leaves nsblame the rights that it needs from when the probes are
// attached on, and those given. What it was started with is for those commands
// alone that it has started before.
func giveUp(src source, stderr io.Writer, more ...right) {
	// files in the directories of others: of a rotated recording, the ready file
	keep := append(src.Needs(), libcap.DAC_OVERRIDE)
	if err := privilege.Keep(append(keep, more...)...); err != nil {
		fmt.Fprintf(stderr, "nsblame: it goes on with rights that it needs no longer: %s\n", render.Sentence(err.Error()))
	}
}

// attachProbes attaches every probe and detaches it at once: a finding for
// each.
func attachProbes(_ context.Context, attach probe.Attach) []kernel.Finding {
	return probe.Try(attach)
}

// rightsOver are what it takes to pass a signal on to a command, which may run
// as another user by then.
func rightsOver(child *command) []right {
	if child == nil {
		return nil
	}
	return []right{libcap.KILL}
}

// namespaceOf is the inode number of the network namespace that a file stands for.
func namespaceOf(name string) (uint32, error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, unwrapPath(err)
	}
	defer file.Close()
	kind, err := unix.IoctlRetInt(int(file.Fd()), unix.NS_GET_NSTYPE)
	if err != nil || kind != unix.CLONE_NEWNET {
		return 0, errNotNetns
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return 0, err
	}
	return uint32(stat.Ino), nil
}

// fromMachine adds what is here now.
func (s nameSet) fromMachine(ctx context.Context, flag string) {
	if flag == "comm" || flag == "uid" {
		return
	}
	found, err := takeSurvey(ctx, nil)
	if err != nil {
		return
	}
	found.Builder.Namespaces(func(n *inventory.Namespace) {
		for i := range n.Containers {
			s.add(beneficiaryNames(flag, finding.ForFacts(&n.Containers[i]), nil)...)
		}
	})
}
