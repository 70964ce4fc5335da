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
 * Returns off, which is below bound, a power of two. To the verifier it then
 * has the same range in every turn of a loop, so that it can tell that a turn
 * is like the one before. The compiler must not see that it is superfluous.
 */
static __always_inline __u32 clamp(__u32 off, __u32 bound)
{
	asm volatile("" : "+r"(off));
	return off & (bound - 1);
}

/* Returns 0, of which the verifier knows no more than that it may be any number:
 * so the first turn of a loop is like all others to it. where is a word of the
 * record, which is all zeros. */
static __always_inline __u32 unknown_zero(__u32 *where)
{
	return *(volatile __u32 *)where;
}

/*
 * Fills rec->exe. The path is that of the mount namespace; a mount hidden from
 * it (memfd, a lazily unmounted one) ends the walk where the kernel's own
 * d_path would.
 */
static __always_inline void read_exe(struct program_record *rec, struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *vfsmnt = BPF_CORE_READ(file, f_path.mnt);
	__u32 off = unknown_zero(&rec->exe_len);
	struct mount *mnt;
	int i;

	if (!dentry || !vfsmnt)
		return;
	mnt = (void *)vfsmnt - bpf_core_field_offset(struct mount, mnt);
	for (i = 0; i < PATH_DEPTH; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

		if (dentry == BPF_CORE_READ(mnt, mnt.mnt_root)) {
			struct mount *up = BPF_CORE_READ(mnt, mnt_parent);

			if (up == mnt || !up)
				break;
			dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
			mnt = up;
			continue;
		}
		if (off >= EXE_STARTS)
			goto cut;
		off = clamp(off, EXE_STARTS);
		off = append_component(rec->exe, off, BPF_CORE_READ(dentry, d_name.name));
		if (!off || dentry == parent)
			break;
		dentry = parent;
	}
	rec->exe_len = off;
	if (i < PATH_DEPTH)
		return;
cut:
	rec->exe_len = off;
	rec->flags |= PROGRAM_EXE_CUT;
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
	__u32 off = unknown_zero(&rec->len);
	int i;

	for (i = 0; i < PATH_DEPTH; i++) {
		struct kernfs_node *parent = kernfs_parent(kn);

		if (!parent)
			break;
		if (off >= CGROUP_STARTS) {
			rec->cut = 1;
			break;
		}
		off = clamp(off, CGROUP_STARTS);
		off = append_component(rec->path, off, BPF_CORE_READ(kn, name));
		if (!off)
			break;
		kn = parent;
	}
	if (i == PATH_DEPTH)
		rec->cut = 1;
	rec->len = off;
}

#endif
