/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who answers for a process. Room and evidence are counted by owner, so nobody may
 * have as many owners as he likes:
 *
 *  - A user can have 65,536 uids in user namespaces of his own, and any number of pid
 *    namespaces. He is the owner of the outermost of his user namespaces, and all that
 *    is in it is his.
 *  - Root in a container can take any uid. So a pid namespace right below the machine's
 *    that the machine's root has made is one owner, with all that is in it.
 *  - Outside of both, the real uid tells.
 */
#ifndef NSBLAME_OWNER_H
#define NSBLAME_OWNER_H

#include "probe.h"
#include "wire.h"
#include <bpf/bpf_core_read.h>

/* The machine's pid namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO). */
#define MACHINE_PID_NS 0xEFFFFFFCU

/* User namespaces are not nested deeper than the product (kernel/user_namespace.c,
 * create_user_ns). The verifier looks at one chunk only. */
#define USER_NS_CHUNK 6
#define USER_NS_CHUNKS 6

/* The user namespace that contains one, 0 if that is right below the machine's. A function
 * of its own, so that the verifier looks at it once, and not in each turn of the loop. */
__noinline __u64 user_ns_above(__u64 user_ns)
{
	struct user_namespace *ns = (void *)user_ns;

	return BPF_CORE_READ(ns, level) > 1 ? (__u64)BPF_CORE_READ(ns, parent) : 0;
}

/* The outermost of a user namespace and some of those that contain it. */
__noinline __u64 user_ns_chunk(__u64 user_ns)
{
	int i;

	for (i = 0; i < USER_NS_CHUNK; i++) {
		__u64 above = user_ns_above(user_ns);

		if (!above)
			break;
		user_ns = above;
	}
	return user_ns;
}

/* Whoever has made the outermost user namespace around one. */
static __always_inline __u32 owner_of_outermost(__u64 user_ns)
{
	int i;

	for (i = 0; i < USER_NS_CHUNKS; i++)
		user_ns = user_ns_chunk(user_ns);
	return BPF_CORE_READ((struct user_namespace *)user_ns, owner.val);
}

/* The pid namespace right below the machine's that a task is in, NULL if it is in the
 * machine's own. The array ends with the task's own namespace. */
static __always_inline struct pid_namespace *outermost_pid_ns(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid *second;

	if (!pid || !BPF_CORE_READ(pid, level))
		return NULL;
	second = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
		 bpf_core_type_size(struct upid);
	return BPF_CORE_READ(second, ns);
}

/* True if the machine's root has made a pid namespace, alone or together with a user
 * namespace. */
static __always_inline bool made_by_root(struct pid_namespace *ns)
{
	struct user_namespace *user_ns = BPF_CORE_READ(ns, user_ns);
	int level = BPF_CORE_READ(user_ns, level);

	return !level || (level == 1 && !BPF_CORE_READ(user_ns, owner.val));
}

/* An owner as one number, which the verifier need not tell apart by how it was found. */
__noinline __u64 packed_owner(__u64 task_struct)
{
	struct task_struct *task = (void *)task_struct;
	const struct cred *cred = BPF_CORE_READ(task, real_cred);
	struct user_namespace *user_ns = BPF_CORE_READ(cred, user_ns);
	struct pid_namespace *pid_ns = outermost_pid_ns(task);

	if (pid_ns && made_by_root(pid_ns))
		return (__u64)BPF_CORE_READ(pid_ns, ns.inum) << 32;
	if (!BPF_CORE_READ(user_ns, level))
		return (__u64)MACHINE_PID_NS << 32 | BPF_CORE_READ(cred, uid.val);
	return (__u64)MACHINE_PID_NS << 32 | owner_of_outermost(untyped(user_ns));
}

static __always_inline struct owner owner_of(struct task_struct *task)
{
	__u64 packed = packed_owner(untyped(task));
	struct owner owner = { .uid = packed, .pid_ns = packed >> 32 };

	return owner;
}

static __always_inline bool same_owner(struct owner *a, struct owner *b)
{
	return a->uid == b->uid && a->pid_ns == b->pid_ns;
}

#endif
