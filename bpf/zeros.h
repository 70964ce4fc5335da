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

const struct zeros no_bytes = {};

#define ENOUGH_ZEROS(type) \
	_Static_assert(sizeof(type) <= sizeof(struct zeros), "there are fewer zeros")

static __always_inline void *zeros(void)
{
	return (void *)&no_bytes;
}

#endif
