// Package nsblame holds nothing but the directives that compile the BPF programs
// in bpf/ into objects and Go bindings: in internal/observe/probe and, for list, in
// internal/observe/netlist. Both are committed, so that building nsblame needs no
// compiler for BPF.
package nsblame

//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -go-package probe -output-dir internal/observe/probe -target amd64,arm64 -type owner -type table -type place -type process_record -type program_record -type cgroup_record -type forget_record -type create_record -type child_record -type followup_record -type bus_record -type bus_flags -type bus_unread -type release_record -type free_record -type release_flags -type held -type join_record -type leave_record -type cost_op -type cost_record -type join_how -type leave_flags -type module_record -type pernet_init_record -type limit -type record_kind -type process_flags -type program_flags -type create_flags -type create_call -type counter bpf bpf/nsblame.bpf.c -- -O2 -fno-unroll-loops -g -Wall -Werror -mcpu=v2 -Ibpf -idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include/aarch64-linux-gnu
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -go-package netlist -output-dir internal/observe/netlist -target amd64,arm64 -type net_record -type file_record -type file_kind list bpf/list.bpf.c -- -O2 -fno-unroll-loops -g -Wall -Werror -mcpu=v2 -Ibpf -idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include/aarch64-linux-gnu
