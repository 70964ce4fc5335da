/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel half of nsblame, one object:
 *
 *   kernel.h        the kernel types that are read
 *   wire.h          the records that go to user space
 *   probe.h         two programs from one body
 *   ring.h          the way there, and what was lost on it
 *   paths.h         paths of executables and cgroups
 *   process.h       the table of processes and what they run
 *   hook_create.h   the probes on the creation of network namespaces
 *   hook_pernet.h   what loading a module does to them
 *   hook_release.h  the probes on their end
 *   hook_join.h     who moves into one
 *   cost.h          what a creation is made of, if that is asked for
 *   hook_process.h  the probes that keep the table
 *   hook_request.h  what is said on the buses that can start something
 */
#include "hook_request.h"
#include "cost.h"
#include "hook_release.h"
#include "hook_pernet.h"
#include "hook_process.h"

char LICENSE[] SEC("license") = "GPL";

/* Anchors what the Go side is generated from in the object's BTF. */
union wire {
	enum record_kind record_kind;
	enum process_flags process_flags;
	enum program_flags program_flags;
	enum create_flags create_flags;
	enum create_call create_call;
	enum counter counter;
	enum bus_flags bus_flags;
	enum held held;
	enum release_flags release_flags;
	enum join_how join_how;
	enum leave_flags leave_flags;
	struct process_record process;
	struct program_record program;
	struct cgroup_record cgroup;
	struct forget_record forget;
	struct create_record create;
	struct child_record child;
	struct followup_record followup;
	struct bus_record bus;
	struct release_record release;
	struct free_record free;
	struct join_record join;
	struct leave_record leave;
	struct cost_op cost_op;
	struct cost_record cost;
	struct module_record module;
	struct init_record init;
};
const union wire *wire_anchor __attribute__((unused));
