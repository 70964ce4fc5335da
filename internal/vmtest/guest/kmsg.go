package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// complaint matches what a healthy kernel does not log.
var complaint = regexp.MustCompile(`WARNING:|BUG:|Oops:|Call Trace:|RIP: 0010:|rcu: .*stall|hung_task|INFO: task .* blocked|general protection fault|Kernel panic`)

// stack matches what is part of each report with a stack.
var stack = regexp.MustCompile(`Call Trace:|RIP: 0010:`)

// kernelLog reads the kernel's log from where it was left.
type kernelLog struct {
	fd int
	// oom is set within the report of an out of memory kill. The report
	// contains a stack, and the kernel's registers if the kernel was working
	// for the process. A scenario causes it, so it is no defect.
	oom bool
}

func openKernelLog() (*kernelLog, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("kernel log: %w", err)
	}
	return &kernelLog{fd: fd}, nil
}

// warnings returns the complaints since the last call.
func (k *kernelLog) warnings() []string {
	var found []string
	record := make([]byte, 16<<10)
	for {
		n, err := unix.Read(k.fd, record)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return found
		case errors.Is(err, unix.EPIPE):
			// Records were overwritten before they were read. Continue after
			// them, and report it.
			found = append(found, "WARNING: kernel log overwritten before it was read")
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return append(found, "WARNING: kernel log unreadable: "+err.Error())
		}
		_, text, _ := strings.Cut(string(record[:n]), ";")
		text, _, _ = strings.Cut(text, "\n")
		if k.complains(text) {
			found = append(found, text)
		}
	}
}

// complains reports whether a line of the log is one that must not be.
func (k *kernelLog) complains(text string) bool {
	switch {
	case strings.Contains(text, "invoked oom-killer"):
		k.oom = true
	case strings.Contains(text, "ut of memory: Killed process"):
		k.oom = false
	}
	return complaint.MatchString(text) && !(k.oom && stack.MatchString(text))
}
