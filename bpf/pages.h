/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the kernel has a page of memory mapped. The kernel computes that from two
 * constants of the machine (vmemmap and the direct map), which it keeps in no place
 * that programs may read on all kernels and processors. But the table of pages and the
 * direct map are in the same order, so one page of which both addresses are known tells
 * all others. The first free object of a slab is in the slab's page.
 */
#ifndef NSBLAME_PAGES_H
#define NSBLAME_PAGES_H

#include "probe.h"
#include <bpf/bpf_core_read.h>

const volatile __u64 page_size = 4096; /* set by the loader */

/* Where page 0 of the table would be mapped, 0 while not known. */
volatile __u64 pages_mapped_at = 0;

/* How many caches of slabs are looked at, and how many slabs of each. A fresh machine has
 * few that are only used in part. */
#define CACHES_MAX 192
#define SLABS_MAX 4

/* oo has the order of a slab's pages above these bits (mm/slub.c, OO_SHIFT). */
#define OO_SHIFT 16

static __always_inline struct kmem_cache_node *cache_node(struct kmem_cache *cache)
{
	if (bpf_core_field_exists(cache->node))
		return BPF_CORE_READ(cache, node[0]);
	return BPF_CORE_READ((struct kmem_cache___v7 *)cache, per_node[0].node);
}

/* The slabs of a cache that are used in part, 0 if they have more than a page each. */
static __always_inline __u64 partial_slabs(struct kmem_cache *cache)
{
	struct kmem_cache_node *node;

	if (BPF_CORE_READ(cache, oo.x) >> OO_SHIFT)
		return 0;
	node = cache_node(cache);
	return node ? (__u64)node + bpf_core_field_offset(struct kmem_cache_node, partial) : 0;
}

/* What a slab of one page with free objects tells, 0 if there are none. */
static __always_inline __u64 told_by(__u64 link)
{
	__u64 page, free;

	if (bpf_core_type_exists(struct slab)) {
		page = link - bpf_core_field_offset(struct slab, slab_list);
		free = (__u64)BPF_CORE_READ((struct slab *)page, freelist);
	} else {
		page = link - bpf_core_field_offset(struct page___v510, slab_list);
		free = (__u64)BPF_CORE_READ((struct page___v510 *)page, freelist);
	}
	if (!free)
		return 0;
	return (free & ~(page_size - 1)) - page / bpf_core_type_size(struct page) * page_size;
}

/* What the latest slab told. */
volatile __u64 pages_told = 0;

/* Asks the slabs of a cache. Slabs change meanwhile, so two have to tell the same. Returns
 * the next cache, 0 once it is known. */
__noinline __u64 ask_cache(__u64 cache)
{
	__u64 head = partial_slabs((void *)cache), link = head, now;
	int i;

	for (i = 0; i < SLABS_MAX && link; i++) {
		link = (__u64)BPF_CORE_READ((struct list_head *)link, next);
		if (!link || link == head)
			break;
		now = told_by(link);
		if (now && now == pages_told) {
			pages_mapped_at = now;
			return 0;
		}
		if (now)
			pages_told = now;
	}
	return (__u64)BPF_CORE_READ((struct kmem_cache *)cache, list.next) -
	       bpf_core_field_offset(struct kmem_cache, list);
}

/* The verifier looks at one chunk only. */
#define CACHES_CHUNK 12

/* Asks some caches. Returns the next one, 0 once it is known. */
__noinline __u64 ask_caches(__u64 cache)
{
	int i;

	for (i = 0; i < CACHES_CHUNK && cache; i++)
		cache = ask_cache(cache);
	return cache;
}

/* Finds out where pages are mapped, beginning with the cache of slabs that the socket of a
 * message is from. */
__noinline int map_pages(__u64 skb)
{
	__u64 cache;
	int i;

	if (pages_mapped_at)
		return 0;
	cache = (__u64)BPF_CORE_READ((struct sk_buff *)skb, sk, __sk_common.skc_prot, slab);
	for (i = 0; i < CACHES_MAX / CACHES_CHUNK && cache; i++)
		cache = ask_caches(cache);
	return 0;
}

/* The address at which a page is mapped. Only if pages_mapped_at is known. */
static __always_inline __u64 page_address(__u64 page)
{
	return pages_mapped_at + page / bpf_core_type_size(struct page) * page_size;
}

#endif
