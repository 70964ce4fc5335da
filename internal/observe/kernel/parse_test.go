package kernel

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	libcap "kernel.org/pub/linux/libs/security/libcap/cap"
)

// file returns a file system entry with the content.
func file(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }

// symlink returns a symbolic link.
func symlink(target string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink}
}

const (
	unifiedMount = "25 30 0:22 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	systemdMount = "32 31 0:29 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd\n"
	hybridMount  = "31 30 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate\n"
	tmpfsMount   = "30 23 0:27 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755\n"
)

func TestCgroupHierarchy(t *testing.T) {
	tests := []struct {
		name, initCgroup, mountinfo string
		want                        Hierarchy
		wantErr                     error
	}{
		{
			name:       "version 2, systemd",
			initCgroup: "0::/init.scope\n", mountinfo: unifiedMount,
			want: HierarchyUnified,
		},
		{
			name: "hybrid, systemd in both",
			initCgroup: "12:pids:/init.scope\n2:cpu,cpuacct:/init.scope\n" +
				"1:name=systemd:/init.scope\n0::/init.scope\n",
			mountinfo: tmpfsMount + hybridMount + systemdMount,
			want:      HierarchySystemd,
		},
		{
			name:       "legacy version 1",
			initCgroup: "11:memory:/\n1:name=systemd:/init.scope\n", mountinfo: tmpfsMount + systemdMount,
			want: HierarchySystemd,
		},
		{
			name:       "legacy systemd of 2014 at the root",
			initCgroup: "11:memory:/\n1:name=systemd:/\n", mountinfo: tmpfsMount + systemdMount,
			want: HierarchySystemd,
		},
		{
			name:       "version 2 with name=systemd mounted for old containers",
			initCgroup: "1:name=systemd:/\n0::/init.scope\n", mountinfo: unifiedMount + systemdMount,
			want: HierarchyUnified,
		},
		{
			name:       "container of version 2 with a cgroup namespace",
			initCgroup: "0::/\n", mountinfo: unifiedMount,
			want: HierarchyUnified,
		},
		{
			name:       "container of a hybrid machine",
			initCgroup: "1:name=systemd:/docker/0123\n0::/system.slice/containerd.service\n",
			want:       HierarchySystemd,
		},
		{
			name:       "both at the root, version 2 on /sys/fs/cgroup",
			initCgroup: "1:name=systemd:/\n0::/\n", mountinfo: systemdMount + unifiedMount,
			want: HierarchyUnified,
		},
		{
			name:       "both at the root, hybrid mounts",
			initCgroup: "1:name=systemd:/\n0::/\n", mountinfo: tmpfsMount + hybridMount + systemdMount,
			want: HierarchySystemd,
		},
		{
			name:       "version 1 without systemd",
			initCgroup: "5:memory:/\n1:name=openrc:/\n", mountinfo: tmpfsMount,
			want: HierarchyUnified, wantErr: ErrNoHierarchy,
		},
		{
			name:      "hidden pid 1",
			mountinfo: unifiedMount,
			want:      HierarchyUnified,
		},
		{
			name:       "path with a colon",
			initCgroup: "0::/system.slice/a:b.service\n",
			want:       HierarchyUnified,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := fstest.MapFS{"proc/self/mountinfo": file(tt.mountinfo)}
			if tt.initCgroup != "" {
				root["proc/1/cgroup"] = file(tt.initCgroup)
			}
			got, err := (&examiner{root: root}).cgroupHierarchy()
			if got != tt.want || !errors.Is(err, tt.wantErr) {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.want, tt.wantErr)
			}
		})
	}
}

func TestParseStatus(t *testing.T) {
	tests := []struct {
		name, in string
		want     processStatus
		wantErr  bool
	}{
		{
			name: "root",
			in:   "Name:\tnsblame\nUid:\t7\t0\t0\t0\nCapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n",
			want: processStatus{effective: 0x1ffffffffff},
		},
		{
			name: "in a container",
			in:   "CapEff:\t00000000a80425fb\nSeccomp:\t2\nSeccomp_filters:\t1\n",
			want: processStatus{effective: 0xa80425fb, uid: noUID, seccompFilter: true},
		},
		{name: "no capabilities", in: "CapEff:\t0000000000000000\n", want: processStatus{uid: noUID}},
		{name: "no field", in: "Name:\tx\n", wantErr: true},
		{name: "garbled user", in: "Uid:\t0\tx\n", wantErr: true},
		{name: "garbled", in: "CapEff:\tzz\n", wantErr: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseStatus([]byte(tt.in))
			if got != tt.want || (err != nil) != tt.wantErr {
				t.Errorf("got %+v, %v; want %+v, error %v", got, err, tt.want, tt.wantErr)
			}
		})
	}
}

func TestCapabilitiesLacking(t *testing.T) {
	set := func(caps ...libcap.Value) (s CapabilitySet) {
		for _, c := range caps {
			s |= 1 << c
		}
		return s
	}
	tests := []struct {
		name string
		set  CapabilitySet
		want string
	}{
		{"none", 0, "CAP_BPF, CAP_PERFMON"},
		{"only CAP_BPF", set(libcap.BPF), "CAP_PERFMON"},
		{"both", set(libcap.BPF, libcap.PERFMON), ""},
		{"CAP_SYS_ADMIN includes them", set(libcap.SYS_ADMIN), ""},
	}
	for _, tt := range tests {
		if got := joinCapabilities(tt.set.lacking()); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestParseLockdown(t *testing.T) {
	for in, want := range map[string]string{
		"[none] integrity confidentiality\n": "none",
		"none [integrity] confidentiality\n": "integrity",
		"none integrity [confidentiality]\n": "confidentiality",
		"":                                   "",
		"none [":                             "",
	} {
		if got := parseLockdown(in); got != want {
			t.Errorf("parseLockdown(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestModule(t *testing.T) {
	const release = "6.1.0-42-cloud-amd64"
	const dep = "kernel/net/netfilter/ipvs/ip_vs.ko.xz: kernel/net/netfilter/nf_conntrack.ko.xz\n" +
		"kernel/net/netfilter/nf_conntrack.ko.xz:\nkernel/drivers/a/dashed-name.ko:\n"
	absent := func(string) (bool, error) { return false, nil }
	noBTF := func(string) (bool, error) { return false, fs.ErrNotExist }
	tests := []struct {
		name   string
		module string
		root   fstest.MapFS
		has    func(string) (bool, error)
		want   ModuleState
	}{
		{
			name:   "loaded",
			module: "ip_vs",
			root:   fstest.MapFS{"sys/module/ip_vs/initstate": file("live\n")},
			has:    absent, want: ModuleLoaded,
		},
		{
			name:   "built in, with parameters",
			module: "nf_conntrack",
			root:   fstest.MapFS{"sys/module/nf_conntrack/parameters/acct": file("N\n")},
			has:    func(string) (bool, error) { return true, nil }, want: ModuleBuiltin,
		},
		{
			name:   "built in, known by the list alone",
			module: "ip_vs",
			root:   fstest.MapFS{"lib/modules/" + release + "/modules.builtin": file("kernel/net/netfilter/ipvs/ip_vs.ko\n")},
			has:    noBTF, want: ModuleBuiltin,
		},
		{
			name:   "built in, known by kallsyms alone",
			module: "ip_vs",
			root:   fstest.MapFS{"proc/kallsyms": file("0000000000000000 t init\n0000000000000000 t fn\n")},
			has:    noBTF, want: ModuleBuiltin,
		},
		{
			name:   "a symbol of another module does not count",
			module: "ip_vs",
			root:   fstest.MapFS{"proc/kallsyms": file("0000000000000000 t fn\t[other]\n")},
			has:    noBTF, want: ModuleAbsent,
		},
		{
			name:   "available in /usr",
			module: "ip_vs",
			root: fstest.MapFS{
				"proc/modules": file(""),
				"usr/lib/modules/" + release + "/modules.dep": file(dep),
			},
			has: absent, want: ModuleAvailable,
		},
		{
			name:   "a dependency's name is not the module's",
			module: "dashed",
			root:   fstest.MapFS{"proc/modules": file(""), "lib/modules/" + release + "/modules.dep": file(dep)},
			has:    absent, want: ModuleAbsent,
		},
		{
			name:   "dash in the file's name",
			module: "dashed_name",
			root:   fstest.MapFS{"proc/modules": file(""), "lib/modules/" + release + "/modules.dep": file(dep)},
			has:    absent, want: ModuleAvailable,
		},
		{
			name:   "kernel without modules",
			module: "ip_vs",
			root:   fstest.MapFS{},
			has:    absent, want: ModuleAbsent,
		},
		{
			name:   "container without /lib/modules",
			module: "ip_vs",
			root:   fstest.MapFS{"proc/modules": file("")},
			has:    absent, want: ModuleNotLoaded,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := &examiner{root: tt.root, release: release, hasFunction: tt.has}
			if got := x.module(tt.module, "fn"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSymbolAt(t *testing.T) {
	x := &examiner{root: fstest.MapFS{"proc/kallsyms": file(`ffffffff81000000 T copy_net_ns
ffffffffc0000010 t __ip_vs_init	[ip_vs]
ffffffffc0000010 t init	[other]
0000000000000000 t hidden	[ip_vs]
`)}}
	for _, tt := range []struct {
		address uint64
		module  string
		want    string
	}{
		{0xffffffffc0000010, "ip_vs", "__ip_vs_init"},
		{0xffffffffc0000010, "other", "init"},
		{0xffffffffc0000014, "ip_vs", ""},
		{0xffffffff81000000, "ip_vs", ""},
	} {
		if got := x.symbolAt(tt.address, tt.module); got != tt.want {
			t.Errorf("%x in %s: got %q, want %q", tt.address, tt.module, got, tt.want)
		}
	}
}

func TestPerfTakesAdmin(t *testing.T) {
	for level, want := range map[string]bool{"3\n": true, "2\n": false, "-1\n": false, "": false, "x": false} {
		root := fstest.MapFS{"proc/sys/kernel/perf_event_paranoid": {Data: []byte(level)}}
		if got := perfTakesAdmin(root); got != want {
			t.Errorf("%q: %v", level, got)
		}
	}
	if perfTakesAdmin(fstest.MapFS{}) {
		t.Error("without the file")
	}
}
