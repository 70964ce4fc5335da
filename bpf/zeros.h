/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * New values of a map start as a copy of these zeros and are filled in the map.
 * They are too large for the stack. A buffer for each CPU would be overwritten
 * by whoever preempts its user there.
 */
#ifndef NSBLAME_ZEROS_H
#define NSBLAME_ZEROS_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>

struct zeros {
	__u8 bytes[8 << 10];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct zeros);
} no_bytes SEC(".maps");

#define ENOUGH_ZEROS(type) \
	_Static_assert(sizeof(type) <= sizeof(struct zeros), "there are fewer zeros")

static __always_inline void *zeros(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&no_bytes, &first);
}

#endif
