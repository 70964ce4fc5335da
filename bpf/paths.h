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

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->parent))
		return BPF_CORE_READ(kn, parent);
	return BPF_CORE_READ((struct kernfs_node___v615 *)kn, __parent);
}

#endif
