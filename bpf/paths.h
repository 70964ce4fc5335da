/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paths out of the kernel's own structures: of an executable, from its dentry
 * up through the mounts, and of a cgroup, from its kernfs node up. bpf_d_path
 * may be called from nine functions only, none of which is ours.
 */
#ifndef NSBLAME_PATHS_H
#define NSBLAME_PATHS_H

#include "ring.h"

/* More components than this are cut and flagged. */
#define PATH_DEPTH 32

/*
 * Appends one component at off and returns the offset behind its NUL, or 0 if
 * it cannot be read. off must be below the buffer's bound for starts.
 */
static __always_inline __u32 append_component(__u8 *buf, __u32 off, const void *name)
{
	long n = bpf_probe_read_kernel_str(buf + off, COMPONENT_MAX, name);

	return n > 0 ? off + n : 0;
}

/*
 * Returns off, which is below bound, a power of two, as the verifier can see. The
 * compiler must not see that it is superfluous.
 */
static __always_inline __u32 clamp(__u32 off, __u32 bound)
{
	asm volatile("" : "+r"(off));
	return off & (bound - 1);
}

/* 0, of which the verifier knows no more than that it is a number: so the first
 * turn of a loop is like all others to it. */
static __always_inline int unknown_zero(void)
{
	int zero = 0, unknown = 0;

	bpf_probe_read_kernel(&unknown, sizeof(unknown), &zero);
	return unknown;
}

/*
 * Append a name to the path of a program or a cgroup that is in its table. Each
 * returns the offset behind it, 0 if it cannot be read, or PATH_FULL. They are
 * functions of their own, for the verifier then looks at them once and not in
 * each turn of the walk up.
 */
#define PATH_FULL (-1)

int append_exe(__u64 start_ns, __u32 pid, __u32 exec, __u64 name, __u32 off);
int append_cgroup(__u64 id, __u64 name, __u32 off);

/*
 * Fills the path of an executable, and returns its length, with PATH_CUT if it is
 * cut. The path is that of the mount namespace; a mount hidden from it (memfd, a
 * lazily unmounted one) ends the walk where the kernel's own d_path would.
 */
#define PATH_CUT (1 << 16)

static __always_inline __u32 read_exe(struct program_key *key, struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *vfsmnt = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mnt;
	int off = unknown_zero();
	int i;

	if (!dentry || !vfsmnt)
		return 0;
	mnt = (void *)vfsmnt - bpf_core_field_offset(struct mount, mnt);
	for (i = 0; i < PATH_DEPTH; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		int next;

		if (dentry == BPF_CORE_READ(mnt, mnt.mnt_root)) {
			struct mount *up = BPF_CORE_READ(mnt, mnt_parent);

			if (up == mnt || !up)
				return off;
			dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
			mnt = up;
			continue;
		}
		next = append_exe(key->process.start_ns, key->process.pid, key->exec,
				  (__u64)BPF_CORE_READ(dentry, d_name.name), off);
		if (next == PATH_FULL)
			break;
		off = next;
		if (!off || dentry == parent)
			return off;
		dentry = parent;
	}
	return off | PATH_CUT;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->parent))
		return BPF_CORE_READ(kn, parent);
	return BPF_CORE_READ((struct kernfs_node___v615 *)kn, __parent);
}

/* Fills rec->path; the root cgroup has an empty one. */
static __always_inline void read_cgroup_path(struct cgroup_record *rec, struct kernfs_node *kn)
{
	int off = unknown_zero();
	int i;

	for (i = 0; i < PATH_DEPTH; i++) {
		struct kernfs_node *parent = kernfs_parent(kn);
		int next;

		if (!parent)
			break;
		next = append_cgroup(rec->id, (__u64)BPF_CORE_READ(kn, name), off);
		if (next == PATH_FULL) {
			rec->cut = 1;
			break;
		}
		off = next;
		if (!off)
			break;
		kn = parent;
	}
	if (i == PATH_DEPTH)
		rec->cut = 1;
	rec->len = off;
}

#endif
