//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/observe/unsupported"
)

// defaultBufferSize is the default of --buffer-size, as on Linux.
const defaultBufferSize = 4 << 20

// right is a capability, which only Linux has.
type right struct{}

// errNotLinux is why no live verb works here.
var errNotLinux = errors.New("network namespaces are a thing of Linux, and this is " + runtime.GOOS)

// elsewhere says what works here.
func elsewhere(what string) error {
	return unsupported.New(what, "run it on the Linux machine, and read here what nsblame record wrote there: replay, report, top --from, explain and dump do", errNotLinux)
}

// attachLive refuses.
func attachLive(context.Context, *liveFlags) (source, error) {
	return nil, elsewhere("attach to the kernel")
}

// joinMachine has nothing to join.
func joinMachine(io.Writer) {}

// machinePath is the path itself.
func machinePath(name string) string { return name }

// giveUp has nothing to give up.
func giveUp(source, io.Writer, ...right) {}

// rightsOver are none.
func rightsOver(*command) []right { return nil }

// listUnits lists none.
func listUnits() []string { return nil }

// fromMachine adds nothing.
func (s nameSet) fromMachine(context.Context, string) {}

// namespaceOf refuses: no file here stands for a namespace.
func namespaceOf(string) (uint32, error) { return 0, errNotLinux }

func newListCmd() *cobra.Command {
	return linuxOnly("list", "List the network namespaces that exist, and what holds them")
}

func newDoctorCmd() *cobra.Command {
	return linuxOnly("doctor", "Check whether this machine can be traced, and what is missing")
}

// linuxOnly is a verb that can only say where it works.
func linuxOnly(name, short string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: short + ". It works on Linux only.",
		DisableFlagParsing: true,
		RunE:               func(*cobra.Command, []string) error { return elsewhere(name) },
	}
}

// hugePages is nothing here.
type hugePages struct{}

func (hugePages) refuse() {}

func (hugePages) allowed(do func() error) error { return do() }
