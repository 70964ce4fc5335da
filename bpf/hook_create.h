/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The creation of a network namespace: copy_net_ns (net/core/net_namespace.c)
 * from entry to exit, and which call it came from.
 */
#ifndef NSBLAME_HOOK_CREATE_H
#define NSBLAME_HOOK_CREATE_H

#include "cost.h"

/* The system calls that copy_net_ns serves, for programs of 64 and of 32 bits. No number
 * stands for two of them. */
#if defined(__TARGET_ARCH_x86)
enum { UNSHARE = 272, UNSHARE_32 = 310, CLONE = 56, CLONE_32 = 120, CLONE3 = 435 };
#define X32_SYSCALL_BIT 0x40000000
#elif defined(__TARGET_ARCH_arm64)
enum { UNSHARE = 97, UNSHARE_32 = 337, CLONE = 220, CLONE_32 = 120, CLONE3 = 435 };
#define X32_SYSCALL_BIT 0
#endif

/*
 * The registers that the current task had when it entered the kernel. They are at the
 * upper end of its stack. Kernels before 5.15 have no helper that finds them. There the
 * size of the stack is guessed. If it is another one, what is read is no such number.
 */
static __always_inline struct pt_regs___entry *entry_registers(struct task_struct *task)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___known, BPF_FUNC_task_pt_regs___known))
		return (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	return BPF_CORE_READ(task, stack) + THREAD_SIZE -
	       bpf_core_type_size(struct pt_regs___entry);
}

static __always_inline __u32 system_call(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return BPF_CORE_READ(entry_registers(task), orig_ax);
#elif defined(__TARGET_ARCH_arm64)
	return BPF_CORE_READ(entry_registers(task), syscallno);
#endif
}

/* Which call creates the namespace. A probe on the function of unshare would tell, too,
 * but takes 0.1 s at the start. */
static __always_inline __u32 creating_call(struct task_struct *task)
{
	switch (system_call(task) & ~X32_SYSCALL_BIT) {
	case UNSHARE:
	case UNSHARE_32:
		return CALL_UNSHARE;
	case CLONE:
	case CLONE_32:
	case CLONE3:
		return CALL_CLONE;
	default:
		return CALL_UNKNOWN;
	}
}

PROBE_ENTRY(create, copy_net_ns, unsigned long flags)
{
	struct inflight call = {};
	__u32 tid = this_thread();
	struct inflight *known;

	if (!(flags & CLONE_NEWNET))
		return 0;
	drop_missed_return();
	known = this_call();
	if (known && known->net)
		stop_waiting(NULL);
	call.call = creating_call((void *)bpf_get_current_task());
	call.start_ns = bpf_ktime_get_boot_ns();
	if (bpf_map_update_elem(&inflight, &tid, &call, BPF_ANY))
		count(COUNT_INFLIGHT_FULL);
	return 0;
}

static __always_inline void fill_call(struct create_record *rec, struct inflight *call)
{
	if (!call) {
		rec->flags = CREATE_ENTRY_MISSED;
		return;
	}
	rec->flags = call->flags;
	rec->call = call->call;
	rec->duration_ns = rec->boot_ns - call->start_ns;
	rec->boot_ns = call->start_ns;
	rec->conntrack_ns = call->conntrack_ns;
	rec->ipvs_ns = call->ipvs_ns;
	rec->ipvs_gen = call->ipvs_gen;
	rec->ipvs_size = call->ipvs_size;
}

/* pointers from here up are error numbers (include/linux/err.h) */
#define MAX_ERRNO 4095

static __always_inline void fill_result(struct create_record *rec, struct net *old, struct net *net)
{
	rec->parent_inum = BPF_CORE_READ(old, ns.inum);
	if ((unsigned long)net >= (unsigned long)-MAX_ERRNO) {
		rec->error = -(long)net;
		return;
	}
	rec->inum = BPF_CORE_READ(net, ns.inum);
	rec->cookie = net_cookie(net);
}

/* Counts a creation and returns a number that no other has: what this CPU has counted
 * or, if that is not certain, what the thread is, with some bits of the time. */
static __always_inline __u64 next_serial(__u64 now)
{
	__u64 cpu = (__u64)bpf_get_smp_processor_id() << 48;
	__u64 n = count(COUNT_SEEN);

	return cpu | (n ? n : 1ULL << 47 | (__u64)this_thread() << 20 | (now >> 10 & 0xfffff));
}

/* The cgroup of the creator. Whoever is not in the table holds its path for now. */
__noinline __u64 take_creators_cgroup(__u32 known, __u32 place)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct process_key key = current_key();
	struct process *p = known ? find_process(&key) : NULL;

	return p ? p->cgroup : hold_cgroup(task, place);
}

/* Sends the creator and its ancestors. Returns how many found no room. */
__noinline int publish_creator(__u32 known, __u64 cgroup)
{
	struct process_key key = current_key();
	int lost = known ? publish_lineage(key.start_ns, key.pid, RING_STORY) : 0;

	publish_cgroup(cgroup, RING_STORY);
	return lost;
}

enum follow {
	FOLLOW_CREATOR = 1 << 0, /* what it becomes */
	FOLLOW_CLONE = 1 << 1,	 /* its child */
};

/* What to follow of a creation that succeeded. */
__noinline __u32 to_follow(__u32 call, __u32 written)
{
	__u32 follow = 0;

	if (written && call != CALL_CLONE)
		follow |= FOLLOW_CREATOR;
	if (call != CALL_UNSHARE)
		follow |= FOLLOW_CLONE;
	return follow;
}

/* Has what follows a creation be reported. This comes before the record is out, so that
 * an exec cannot be missed. */
__noinline int follow_creation(__u32 what, __u64 net, __u64 serial)
{
	struct process_key key = current_key();
	struct process *p = find_process(&key);
	struct inflight *call = this_call();
	__u32 tid = this_thread();

	if (p && what & FOLLOW_CREATOR) {
		watch(p);
		p->enters = 1;
	}
	if (p && call && what & FOLLOW_CLONE) {
		call->net = net;
		call->serial = serial;
		__sync_fetch_and_add(&p->cloning, 1);
	} else {
		bpf_map_delete_elem(&inflight, &tid); /* no child will come */
	}
	return 0;
}

PROBE_RESULT(create, copy_net_ns, 3, struct net *net)
{
	struct create_record rec;
	struct task_struct *task = (void *)bpf_get_current_task();
	struct net *old = net_of(task);
	__u32 known, place, written;
	struct inflight *call;
	__u64 since;

	if (net == old) /* no new one was asked for */
		return 0;
	__builtin_memset(&rec, 0, sizeof(rec));
	rec.kind = REC_CREATE;
	rec.boot_ns = bpf_ktime_get_boot_ns();
	rec.serial = next_serial(rec.boot_ns);
	call = this_call();
	fill_call(&rec, call);
	count_missed_inits(call);
	fill_result(&rec, old, net);
	if (with_cost && call)
		send_cost(call->start_ns, rec.error);
	if (!rec.error)
		begin_life(untyped(net), rec.serial, rec.boot_ns);

	rec.creator = current_key();
	rec.tid = this_thread();
	bpf_get_current_comm(rec.comm, sizeof(rec.comm));
	rec.uid = task_uid(task);
	known = meet_current();
	place = place_of_current();
	rec.cgroup = take_creators_cgroup(known, place);
	since = story_written();
	written = may_create(place);
	if (written)
		rec.ancestors_lost = publish_creator(known, rec.cgroup);
	if (!known)
		release_cgroup_path(rec.cgroup);
	if (known && !rec.error)
		follow_creation(to_follow(rec.call, written), untyped(net), rec.serial);
	else
		follow_creation(0, untyped(net), rec.serial);
	if (!written) {
		count_for(place, COUNT_LOST_CREATE);
		return 0;
	}
	rec.sent_ns = bpf_ktime_get_boot_ns();
	emit(RING_STORY, &rec, sizeof(rec), COUNT_LOST_CREATE);
	note_written(place, since);
	return 0;
}

#endif
