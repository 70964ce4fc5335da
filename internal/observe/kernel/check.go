package kernel

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/unsupported"
)

// Check examines the running kernel and the rights of this process on it. It
// loads and attaches programs that do nothing, and leaves nothing behind. The
// order and the names of the findings are the same on every machine. When ctx
// ends, it returns what it has.
func Check(ctx context.Context) []Finding { return running().check(ctx) }

// examiner answers all questions about one kernel. Tests replace its fields to
// simulate another one.
type examiner struct {
	root             fs.FS // holds proc, sys, lib and boot
	release, machine string
	version          string // what the kernel says about its build
	hasFunction      func(string) (bool, error)
	hasTracepoint    func(string) (bool, error)
	hasCookies       func() (bool, error)
	try              attempts
}

var running = sync.OnceValue(func() *examiner {
	x := &examiner{
		root:          os.DirFS("/"),
		hasFunction:   hasFunction,
		hasTracepoint: hasTracepoint,
		hasCookies:    hasCookies,
		try:           realAttempts(),
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err == nil {
		x.release = unix.ByteSliceToString(uts.Release[:])
		x.version = unix.ByteSliceToString(uts.Version[:])
		x.machine = unix.ByteSliceToString(uts.Machine[:])
	}
	return x
})

func (x *examiner) check(ctx context.Context) []Finding {
	var findings []Finding
	for _, step := range []func() []Finding{
		x.checkKernel,
		x.checkRights,
		x.checkNamespaces,
		x.checkMemlock,
		x.checkBTF,
		x.checkCookies,
		x.checkPreemption,
		x.checkTracepoints,
		x.checkFunctions,
		x.checkPrograms,
		x.checkModules,
		x.checkCgroups,
		x.checkSymbols,
	} {
		if ctx.Err() != nil {
			break
		}
		findings = append(findings, step()...)
	}
	return findings
}

// verify completes a finding about something that can be tried.
func (x *examiner) verify(f Finding, try attempt) Finding {
	err := try()
	if err == nil {
		f.Verdict = OK
		return f
	}
	// The kernel decides, whatever Check would say about the finding.
	var lack *unsupported.Error
	if err = x.refused(f.Name, err); errors.As(err, &lack) {
		f.Verdict, f.Detail, f.Remedy = Missing, lack.Err.Error(), lack.Remedy
		return f
	}
	f.Verdict, f.Detail = Unknown, err.Error()
	return f
}

// notTried completes a finding whose trial would only repeat another one.
func notTried(f Finding, why string) Finding {
	f.Verdict, f.Detail, f.Remedy = Unknown, "not tried: "+why, ""
	return f
}

const (
	whyNoRights = "the rights are missing"
	whyNoBTF    = "the kernel offers no BTF"
)

func (x *examiner) mayLoad() bool { return x.permitted() == nil }

// hasBTF reports whether the kernel offers BTF. A vmlinux file elsewhere,
// which the loader would also read, does not help tp_btf and fentry programs.
func (x *examiner) hasBTF() bool {
	_, err := fs.Stat(x.root, vmlinuxBTF)
	return err == nil
}
