/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The probes that keep the table of processes: fork, exec, exit, the free that
 * follows the exit, a change of cgroup, and a pass over the processes that were
 * there before.
 */
#ifndef NSBLAME_HOOK_PROCESS_H
#define NSBLAME_HOOK_PROCESS_H

#include "netns.h"

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct process_key pkey, key;
	struct process *p;
	struct process c;

	drop_missed_return();
	pkey = current_key();
	if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid)) {
		/* a thread, which may be born in a new namespace as well */
		p = find_or_note(&pkey);
		if (p) {
			p->threaded = 1;
			if (p->cloning) {
				key = process_key(child);
				report_child(p, child, &key);
			}
		}
		return 0;
	}
	/* first what does not depend on the parent: from then on the verifier follows several ways */
	__builtin_memset(&c, 0, sizeof(c));
	c.key = process_key(child);
	c.refs = 1;
	c.version = 1;
	c.exec_id = exec_id(child);
	c.uid = task_uid(child);
	c.owner = owner_of(child);
	BPF_CORE_READ_STR_INTO(&c.comm, child, comm);
	p = find_or_note(&pkey);
	if (p) {
		refresh(p, parent);
		c.parent = pkey;
		c.program = p->program;
		c.depth = p->depth + 1;
	}
	if (!p || c.depth >= DEPTH_MAX) {
		__builtin_memset(&c.parent, 0, sizeof(c.parent));
		c.depth = 0;
		c.flags = PROCESS_CUT;
	}
	c.place = p && p->place != PLACE_OTHERS && same_owner(&c.owner, &p->owner) ?
			  p->place :
			  place_of(&c.owner);
	/* clone3 can put the child into another cgroup at once */
	c.cgroup = hold_cgroup(child, c.place);
	if (!add_process(&c)) {
		count_for(c.place, COUNT_TABLE_FULL);
		release_cgroup_path(c.cgroup);
		return 0;
	}
	if (!p)
		return 0;
	if (c.parent.pid)
		__sync_fetch_and_add(&p->refs, 1);
	hold_program(&c.program);
	if (p->cloning)
		report_child(p, child, &c.key);
	if (p->enters)
		report_born_inside(parent, child);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct process_key key = current_key();
	struct process *p = find_or_note(&key);
	__u32 tid = old_pid;
	__u64 serial = 0;

	if (!p)
		return 0;
	if (p->enters) {
		serial = serial_of(task);
		p->enters = 0;
		bpf_map_delete_elem(&inside, &tid);
	}
	take_owner(untyped(task));
	take_exec();
	refresh(p, task);
	report_exec(p, &key, serial);
	return 0;
}

/* Some kernels pass a second argument (group_dead), which is not used. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct process_key key = current_key();
	struct process *p;

	drop_missed_return();
	p = find_process(&key);
	if (!p)
		return 0;
	if (p->cloning)
		forget_clone(p);
	if (p->enters)
		report_leave(LEAVE_ENDING);
	if (!ends_process(task, p, &key))
		return 0;
	if (p->watched || *(volatile __s64 *)&p->refs > 1)
		refresh(p, task);
	note_end(p, task, &key);
	return 0;
}

/*
 * A process has ended and was reaped. Its record stays until then, for its threads
 * give up files and namespaces after the tracepoint of the exit. The leader is freed
 * last. A leader that another thread's exec replaced no longer has the pid of the
 * process.
 */
SEC("tp_btf/sched_process_free")
int BPF_PROG(process_free, struct task_struct *task)
{
	struct process_key key = process_key(task);
	struct process *p;

	if (BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid))
		return 0;
	p = find_process(&key);
	if (p && !(p->flags & PROCESS_EXITED)) /* the run of the exit probe was left out */
		note_end(p, task, &key);
	if (p)
		reap(p, &key);
	return 0;
}

/*
 * Processes that are long gone, and still hold their own records: the run of
 * process_free was left out, as a kernel that may be preempted does. User space finds
 * them (internal/observe/probe/unfreed.go).
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct process_key);
} unfreed SEC(".maps");

/* Reaps one of them. */
__noinline int reap_unfreed(__u32 i)
{
	struct process_key *gone = look_up(&unfreed, &i), key;
	struct process *p;

	if (!gone || !gone->pid)
		return 0;
	key = *gone;
	p = find_process(&key);
	if (p)
		reap(p, &key);
	return 0;
}

/* Fires when the task is in its new cgroup, once for each hierarchy. */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(process_moved, struct cgroup *dst, const char *path, struct task_struct *task)
{
	struct process_key key = process_key(task);
	struct process *p = find_process(&key);

	/* the record of a process that ends may go any time */
	if (!p || BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid) ||
	    BPF_CORE_READ(task, flags) & PF_EXITING)
		return 0;
	refresh_cgroup(p, task);
	return 0;
}

/*
 * Notes every process that exists, and hands its identity to user space, which reads
 * its command line. It runs before fork is followed, so that each parent is known, and
 * once more after that, for the processes that were born in between. Later it runs to
 * reap those whose free was not seen: one with each task.
 */
SEC("iter/task")
int processes_before(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct process_key key;

	reap_unfreed(ctx->meta->seq_num);
	if (!task || BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid))
		return 0;
	key = process_key(task);
	/* it may have ended since it was listed */
	if (BPF_CORE_READ(task, signal, live.counter) <= 0)
		return 0;
	note_ancestry(untyped(task));
	bpf_seq_write(seq, &key, sizeof(key));
	return 0;
}

#endif
