/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paths out of the kernel's own structures are kept as their components, the
 * last one first: that is the order in which they are met. bpf_d_path may be
 * called from nine functions only, none of which is ours.
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

#endif
