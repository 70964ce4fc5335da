package kernel

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzFiles: whatever stands in the files of /proc, /sys and /lib/modules, it is
// read to an end, and what is found in it is there.
func FuzzFiles(f *testing.F) {
	for _, s := range []string{
		"0::/system.slice/a:b.service\n1:name=systemd:/\n", unifiedMount + systemdMount,
		"CapEff:\t000001ffffffffff\nSeccomp:\t2\n", "none [integrity] confidentiality\n",
		"kernel/net/ip_vs.ko.xz: kernel/net/nf_conntrack.ko.xz\n",
		"0000000000000000 t fn\t[other]\nffffffff81000000 T fn\n",
		"[", "]", "CapEff:", "::", " - ", "\x00\xff\n",
	} {
		f.Add(s, "ip_vs")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		for controllers, path := range parseCgroup([]byte(text)) {
			if !strings.Contains(text, controllers+":"+path) {
				t.Fatalf("cgroup %q of %q", path, controllers)
			}
		}
		for _, m := range parseMountinfo([]byte(text)) {
			if !strings.Contains(text, m.point) || m.point == "" || !strings.Contains(text, m.fstype) || m.fstype == "" {
				t.Fatalf("mount %+v", m)
			}
		}
		if st, err := parseStatus([]byte(text)); err != nil && st != (processStatus{}) {
			t.Fatalf("%+v with %v", st, err)
		}
		if mode := parseLockdown(text); mode != "" && !strings.Contains(text, "["+mode+"]") {
			t.Fatalf("lockdown %q", mode)
		}
		// path.Base makes names of its own of nothing and of slashes
		if listsModule(text, name) && !strings.ContainsAny(name, "./") && !strings.Contains(strings.ReplaceAll(text, "-", "_"), name) {
			t.Fatalf("module %q", name)
		}
		x := &examiner{root: fstest.MapFS{"proc/kallsyms": file(text)}}
		if address := x.symbolAddress(name, "other"); address != 0 && !strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", address)) {
			t.Fatalf("address %x", address)
		}
		if x.inKallsyms(name) && !strings.Contains(text, name) {
			t.Fatalf("symbol %q", name)
		}
	})
}

// FuzzStatus: what the kernel writes is what is read, whatever the process is
// called.
func FuzzStatus(f *testing.F) {
	f.Add("nsblame", uint64(0x1ffffffffff), true)
	f.Add(`a\nCapEff:\t0`, uint64(0), false)
	f.Fuzz(func(t *testing.T, comm string, effective uint64, filtered bool) {
		mode := 0
		if filtered {
			mode = 2
		}
		// The kernel escapes the name: no newline gets into it (fs/proc/array.c,
		// proc_task_name).
		comm = strings.ReplaceAll(comm[:min(15, len(comm))], "\n", `\n`)
		st, err := parseStatus(fmt.Appendf(nil, "Name:\t%s\nCapEff:\t%016x\nSeccomp:\t%d\n", comm, effective, mode))
		if err != nil || st.effective != CapabilitySet(effective) || st.seccompFilter != filtered {
			t.Fatalf("%+v, %v", st, err)
		}
	})
}
