/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paths are read from the kernel's own structures, and kept as their components, the
 * last one first. bpf_d_path may be called from nine functions only, and from none of
 * those that are probed here.
 */
#ifndef NSBLAME_PATHS_H
#define NSBLAME_PATHS_H

#include "ring.h"

/* More components than this are cut and flagged. */
#define PATH_DEPTH 32

/* They are read in chunks of so many. The verifier looks at one chunk only. */
#define PATH_CHUNK 8

/*
 * Appends one component at off and returns the offset behind its NUL, or 0 if
 * it cannot be read. off must be below the buffer's bound for starts.
 */
static __always_inline __u32 append_component(__u8 *buf, __u32 off, const void *name)
{
	long n = bpf_probe_read_kernel_str(buf + off, COMPONENT_MAX, name);

	return n > 0 ? off + n : 0;
}

/* Returns off, which is below bound, in a form in which the verifier sees that. bound is
 * a power of two. The compiler must not see that this changes nothing. */
static __always_inline __u32 clamp(__u32 off, __u32 bound)
{
	asm volatile("" : "+r"(off));
	return off & (bound - 1);
}

#endif
