/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One body, two programs. A function is probed by fentry and fexit, or by kprobe
 * and kretprobe where the kernel refuses those. Each macro below makes both from
 * the body that follows it, and names them by a stem:
 *
 *   PROBE_ENTRY(join, netns_install, ...)         join_fentry  join_kprobe
 *   PROBE_RETURN(join, netns_install)             join_fexit   join_kretprobe
 *   PROBE_RESULT(join, netns_install, 2, ...)     likewise, with the result
 *
 * User space derives the same names (internal/observe/probe/groups.go).
 *
 * Once user space has set stopped, no body runs any more. That ends all at once, long
 * before the kernel has taken the programs away.
 *
 * A body gets the program's context as ctx, and the arguments of the function
 * that it names. A kretprobe has no arguments, so a body at a return gets none.
 * The entry saves what its return needs, keyed by thread.
 */
#ifndef NSBLAME_PROBE_H
#define NSBLAME_PROBE_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Set by user space, once. */
volatile bool stopped = false;

/* A program that passes on to a body. Registers become arguments of any type. */
#define PROBE_PROGRAM(name, section, context, body, args...)           \
	SEC(section)                                                    \
	int name(context *ctx)                                          \
	{                                                               \
		if (stopped)                                            \
			return 0;                                       \
		_Pragma("GCC diagnostic push")                          \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
		return body(args);                                      \
		_Pragma("GCC diagnostic pop")                           \
	}

/* At the entry of a function, with the first of its arguments. */
#define PROBE_ENTRY(stem, function, args...)                                                \
	static __always_inline int stem##_entry(void *ctx, ##args);                          \
	PROBE_PROGRAM(stem##_fentry, "fentry/" #function, unsigned long long, stem##_entry,  \
		      ___bpf_ctx_cast(args))                                                 \
	PROBE_PROGRAM(stem##_kprobe, "kprobe/" #function, struct pt_regs, stem##_entry,      \
		      ___bpf_kprobe_args(args))                                              \
	static __always_inline int stem##_entry(void *ctx, ##args)

/* At its return. */
#define PROBE_RETURN(stem, function)                                                        \
	static __always_inline int stem##_return(void *ctx);                                 \
	PROBE_PROGRAM(stem##_fexit, "fexit/" #function, unsigned long long, stem##_return,   \
		      ctx)                                                                   \
	PROBE_PROGRAM(stem##_kretprobe, "kretprobe/" #function, struct pt_regs,              \
		      stem##_return, ctx)                                                    \
	static __always_inline int stem##_return(void *ctx)

/* At its return, with the result of a function of n arguments. */
#define PROBE_RESULT(stem, function, n, result)                                             \
	static __always_inline int stem##_return(void *ctx, result);                         \
	PROBE_PROGRAM(stem##_fexit, "fexit/" #function, unsigned long long, stem##_return,   \
		      ctx, (void *)ctx[n])                                                   \
	PROBE_PROGRAM(stem##_kretprobe, "kretprobe/" #function, struct pt_regs,              \
		      stem##_return, ctx, (void *)PT_REGS_RC(ctx))                           \
	static __always_inline int stem##_return(void *ctx, result)

/* A pointer as a mere number, which the verifier otherwise tells apart. */
static __always_inline __u64 untyped(void *pointer)
{
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &pointer);
	return number;
}

/*
 * Looks a key up in any table. The kernel replaces a lookup in one table by instructions,
 * and copies the whole program for each such place. It leaves a lookup that serves several
 * tables as it is. Where too many functions call each other already, a lookup is written
 * out, in a function that only finds an entry.
 */
static __noinline void *look_up(void *table, const void *key)
{
	return bpf_map_lookup_elem(table, key);
}

/* Eight bytes of a string as the number that they are in memory. */
#define WORD(a, b, c, d, e, f, g, h)                                                      \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

static __always_inline __u32 this_thread(void)
{
	return (__u32)bpf_get_current_pid_tgid();
}

static __always_inline __u32 this_process(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

#endif
