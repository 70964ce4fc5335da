package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Capability is the number of a capability (capabilities(7)).
type Capability uint

// The capabilities that nsblame has a use for.
const (
	// CapBPF: load programs, create maps.
	CapBPF Capability = unix.CAP_BPF
	// CapPerfmon: load tracing programs and attach them.
	CapPerfmon Capability = unix.CAP_PERFMON
	// CapSysAdmin: get the BTF of modules; on kernels without the two above
	// it stands for them, on others it includes them.
	CapSysAdmin Capability = unix.CAP_SYS_ADMIN
	// CapSyslog: read symbol addresses.
	CapSyslog Capability = unix.CAP_SYSLOG
	// CapSysResource: raise the limit of locked memory where BPF counts
	// against it.
	CapSysResource Capability = unix.CAP_SYS_RESOURCE
	// CapSysPtrace: read /proc of other users' processes.
	CapSysPtrace Capability = unix.CAP_SYS_PTRACE
	// CapDACOverride: connect to the managers of other users, write into
	// directories of others.
	CapDACOverride Capability = unix.CAP_DAC_OVERRIDE
	// CapDACReadSearch: read files that others keep to themselves.
	CapDACReadSearch Capability = unix.CAP_DAC_READ_SEARCH
	// CapKill: pass a signal on to a process of another user.
	CapKill Capability = unix.CAP_KILL
)

// String returns the capability's name as in capabilities(7).
func (c Capability) String() string {
	switch c {
	case CapBPF:
		return "CAP_BPF"
	case CapPerfmon:
		return "CAP_PERFMON"
	case CapSysAdmin:
		return "CAP_SYS_ADMIN"
	case CapSyslog:
		return "CAP_SYSLOG"
	case CapSysResource:
		return "CAP_SYS_RESOURCE"
	case CapSysPtrace:
		return "CAP_SYS_PTRACE"
	case CapDACOverride:
		return "CAP_DAC_OVERRIDE"
	case CapDACReadSearch:
		return "CAP_DAC_READ_SEARCH"
	case CapKill:
		return "CAP_KILL"
	}
	return "CAP_" + strconv.FormatUint(uint64(c), 10)
}

// CapabilitySet is a set of capabilities, one bit for each.
type CapabilitySet uint64

// Has reports whether the set contains the capability itself.
func (s CapabilitySet) Has(c Capability) bool { return s&(1<<c) != 0 }

// lacking returns those that tracing needs and the set does not give. The
// kernel lets CAP_SYS_ADMIN stand for both (include/linux/capability.h,
// bpf_capable and perfmon_capable).
func (s CapabilitySet) lacking() []Capability {
	if s.Has(CapSysAdmin) {
		return nil
	}
	var lack []Capability
	for _, c := range []Capability{CapBPF, CapPerfmon} {
		if !s.Has(c) {
			lack = append(lack, c)
		}
	}
	return lack
}

// Capabilities returns the effective capabilities of this process.
func Capabilities() (CapabilitySet, error) {
	st, err := running().status()
	return st.effective, err
}

// Permitted returns nil if this process has the rights that tracing needs, and
// otherwise an *UnsupportedError. It tries nothing: the kernel may refuse all
// the same.
func Permitted() error { return running().permitted() }

func (x *examiner) permitted() error {
	const what = "trace"
	st, err := x.status()
	if err != nil {
		return fmt.Errorf("read the rights of this process: %w", err)
	}
	if lack := st.effective.lacking(); len(lack) > 0 {
		return Unsupported(what, remedyRights, fmt.Errorf("%w (%s)", ErrNoRights, joinCapabilities(lack)))
	}
	if initial, err := x.inInitialNamespace(userNamespace); err == nil && !initial {
		return Unsupported(what, remedyUserNamespace, ErrUserNamespace)
	}
	return nil
}

func joinCapabilities(caps []Capability) string {
	names := make([]string, len(caps))
	for i, c := range caps {
		names[i] = c.String()
	}
	return strings.Join(names, ", ")
}

// processStatus is what /proc/self/status tells of the process's rights.
type processStatus struct {
	effective     CapabilitySet
	uid           uint32 // effective; nobody's if it isn't told
	seccompFilter bool
}

func (x *examiner) status() (processStatus, error) {
	data, err := fs.ReadFile(x.root, "proc/self/status")
	if err != nil {
		return processStatus{}, err
	}
	return parseStatus(data)
}

var errNoCapEff = errors.New("no field CapEff in /proc/self/status")

// noUID is the id that no user has.
const noUID = 1<<32 - 1

// seccompModeFilter is SECCOMP_MODE_FILTER.
const seccompModeFilter = "2"

func parseStatus(data []byte) (processStatus, error) {
	st := processStatus{uid: noUID}
	found := false
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		switch key {
		case "CapEff":
			set, err := strconv.ParseUint(value, 16, 64)
			if err != nil {
				return processStatus{}, fmt.Errorf("field CapEff of /proc/self/status: %w", err)
			}
			st.effective, found = CapabilitySet(set), true
		case "Uid": // real, effective, saved, of the file system
			if ids := strings.Fields(value); len(ids) > 1 {
				uid, err := strconv.ParseUint(ids[1], 10, 32)
				if err != nil {
					return processStatus{}, fmt.Errorf("field Uid of /proc/self/status: %w", err)
				}
				st.uid = uint32(uid)
			}
		case "Seccomp":
			st.seccompFilter = value == seccompModeFilter
		}
	}
	if err := lines.Err(); err != nil {
		return processStatus{}, err
	}
	if !found {
		return processStatus{}, errNoCapEff
	}
	return st, nil
}

// PerfTakesAdmin reports whether this kernel lets nobody open a perf event, which
// attaching a kprobe takes, without CAP_SYS_ADMIN: Debian's kernels have a
// kernel.perf_event_paranoid of 3, which others do not know.
func PerfTakesAdmin() bool { return perfTakesAdmin(os.DirFS("/")) }

func perfTakesAdmin(root fs.FS) bool {
	raw, err := fs.ReadFile(root, "proc/sys/kernel/perf_event_paranoid")
	if err != nil {
		return false // no perf events at all
	}
	level, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	return err == nil && level > 2
}
