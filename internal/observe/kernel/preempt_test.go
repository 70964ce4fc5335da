package kernel

import (
	"testing"
	"testing/fstest"
)

func TestMayPreempt(t *testing.T) {
	const dynamic = "#1 SMP PREEMPT_DYNAMIC Debian 7.2.13-1 (2026-10-28)"
	for _, tc := range []struct {
		name, version, mode string
		cmdline, config     string
		want                bool
	}{
		{"built without", "#1 SMP Debian 5.10.262-1 (2026-10-20)", "", "", "", false},
		{"built so", "#1 SMP PREEMPT Debian", "", "", "", true},
		{"lazily", "#1 SMP PREEMPT_LAZY", "", "", "", true},
		{"real time", "#1 SMP PREEMPT_RT Debian", "", "", "", true},
		{"none", dynamic, "(none) voluntary full \n", "", "", false},
		{"voluntary", dynamic, "none (voluntary) full \n", "", "", false},
		{"full", dynamic, "none voluntary (full) \n", "", "", true},
		{"lazy", dynamic, "full (lazy) \n", "", "", true},
		{"not shown", dynamic, "", "", "", true},
		{"not understood", dynamic, "full", "", "", true},
		{"by default", dynamic, "", "root=/dev/vda", "CONFIG_PREEMPT_BUILD=y\nCONFIG_PREEMPT_VOLUNTARY=y\n", false},
		{"not by default", dynamic, "", "root=/dev/vda", "# CONFIG_PREEMPT_VOLUNTARY is not set\nCONFIG_PREEMPT_LAZY=y\n", true},
		{"asked for", dynamic, "", "preempt=none preempt=full", "CONFIG_PREEMPT_NONE=y\n", true},
		{"not wanted", dynamic, "", "preempt=voluntary", "CONFIG_PREEMPT=y\n", false},
		{"shown, so that it was changed later", dynamic, "(full) lazy", "preempt=none", "CONFIG_PREEMPT_NONE=y\n", true},
		{"kernel not known", "", "", "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := fstest.MapFS{}
			if tc.mode != "" {
				root["sys/kernel/debug/sched/preempt"] = file(tc.mode)
			}
			if tc.cmdline != "" {
				root["proc/cmdline"] = file(tc.cmdline)
			}
			root["boot/config-1.2.3"] = file(tc.config)
			x := &examiner{root: root, release: "1.2.3", version: tc.version}
			if got := x.mayPreempt(); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
