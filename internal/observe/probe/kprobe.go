package probe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// maxActive is how many calls of a function a kretprobe is to follow at once:
// as many as the BPF maps have room for. By itself the kernel follows a few
// for each CPU, and a creation can wait long for a lock.
const maxActive = int(bpfLimitINFLIGHT_MAX)

// tracefsPrefix begins the names of our events in tracefs. The number of the
// process follows, and a random part.
const tracefsPrefix = "nsblame_"

func isReturn(spec *ebpf.ProgramSpec) bool { return strings.HasPrefix(spec.SectionName, "kretprobe/") }

// attachKretprobe goes through tracefs, for nothing else takes a maxActive.
// Where there is no tracefs, the kernel's own number must do; what is missed
// then is counted by the BPF programs. It reports whether it went through tracefs.
func attachKretprobe(symbol string, program *ebpf.Program) (l link.Link, named bool, err error) {
	l, err = link.Kretprobe(symbol, program, &link.KprobeOptions{
		RetprobeMaxActive: maxActive, TraceFSPrefix: tracefsPrefix + strconv.Itoa(os.Getpid()),
	})
	if err == nil {
		return l, true, nil
	}
	l, second := link.Kretprobe(symbol, program, nil)
	if second != nil {
		return nil, false, fmt.Errorf("%w; through tracefs: %w", second, err)
	}
	return l, false, nil
}

// missed notes how often the kernel left out kprobes of ours, which it only tells
// while they are there. Kernels before 6.7 don't tell; what matters most, a
// return that is missing, the BPF programs count themselves.
func (coll *collection) missed(links []attached) {
	for _, l := range links {
		info, err := l.Info()
		if err != nil {
			continue // no links of this kind on this kernel
		}
		perf := info.PerfEvent()
		if perf != nil && perf.Type == link.PerfEventKprobe && perf.Kprobe() != nil {
			coll.left.add(l.program, perf.Kprobe().Missed)
		}
	}
}

// tracefs is where the kernel's trace events are, in order of preference.
var tracefs = []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}

var ownEvent = regexp.MustCompile(`^r\d*:(` + tracefsPrefix + `(\d+)_\S+)`)

// sweep removes the kretprobes of instances of nsblame that were killed: they
// are off, but listed until somebody removes them. One that is in use the
// kernel does not let go.
func sweep() {
	for _, dir := range tracefs {
		path := filepath.Join(dir, "kprobe_events")
		list, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(list)) {
			if name := abandoned(line); name != "" {
				_ = removeEvent(path, name)
			}
		}
		return
	}
}

// abandoned returns the event's name if a line of kprobe_events is about one of
// ours whose process is gone.
func abandoned(line string) string {
	m := ownEvent.FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	pid, err := strconv.Atoi(m[2])
	if err != nil || !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return ""
	}
	return m[1]
}

func removeEvent(path, name string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("-:" + name)
	return errors.Join(err, f.Close())
}
