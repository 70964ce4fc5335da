package kernel

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestSymbols(t *testing.T) {
	list := "0000000000000010 A __per_cpu_start\nffffffff81000010 t tcp_sk_init\nffffffff81000010 t alias\n" +
		"ffffffff82000020 d fou_net_ops\nffffffffc0000030 t __ip_vs_init\t[ip_vs]\nnot a line\n"
	asked := []uint64{0x10, 0xffffffff81000010, 0xffffffff82000020, 0xffffffffc0000030, 0xffffffffc0000031, 0}
	for text, want := range map[string]map[uint64]Symbol{
		list: {
			0xffffffff81000010: {Name: "tcp_sk_init"}, 0xffffffff82000020: {Name: "fou_net_ops"},
			0xffffffffc0000030: {Name: "__ip_vs_init", Module: "ip_vs"},
		},
		"0000000000000000 t tcp_sk_init\n0000000000000000 t __ip_vs_init\t[ip_vs]\n": {},
		"": {},
	} {
		x := &examiner{root: fstest.MapFS{"proc/kallsyms": &fstest.MapFile{Data: []byte(text)}}}
		if diff := cmp.Diff(want, x.symbols(asked)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
