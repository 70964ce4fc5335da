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

	libcap "kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/nsblame/nsblame/internal/observe/unsupported"
)

// capabilityName returns a capability's name as in capabilities(7).
func capabilityName(c libcap.Value) string { return strings.ToUpper(c.String()) }

// CapabilitySet is a set of capabilities, one bit for each.
type CapabilitySet uint64

// Has reports whether the set contains the capability itself.
func (s CapabilitySet) Has(c libcap.Value) bool { return s&(1<<c) != 0 }

// lacking returns those that tracing needs and the set does not give. The
// kernel lets CAP_SYS_ADMIN stand for both (include/linux/capability.h,
// bpf_capable and perfmon_capable).
func (s CapabilitySet) lacking() []libcap.Value {
	if s.Has(libcap.SYS_ADMIN) {
		return nil
	}
	var lack []libcap.Value
	for _, c := range []libcap.Value{libcap.BPF, libcap.PERFMON} {
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
// otherwise an *unsupported.Error. It tries nothing: the kernel may refuse all
// the same.
func Permitted() error { return running().permitted() }

func (x *examiner) permitted() error {
	const what = "trace"
	st, err := x.status()
	if err != nil {
		return fmt.Errorf("read the rights of this process: %w", err)
	}
	if lack := st.effective.lacking(); len(lack) > 0 {
		return unsupported.New(what, remedyRights, fmt.Errorf("%w (%s)", ErrNoRights, joinCapabilities(lack)))
	}
	if initial, err := x.inInitialNamespace(userNamespace); err == nil && !initial {
		return unsupported.New(what, remedyUserNamespace, ErrUserNamespace)
	}
	return nil
}

func joinCapabilities(caps []libcap.Value) string {
	names := make([]string, len(caps))
	for i, c := range caps {
		names[i] = capabilityName(c)
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
