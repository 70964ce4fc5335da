/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is read of a network namespace, wherever the running kernel keeps it.
 */
#ifndef NSBLAME_NET_H
#define NSBLAME_NET_H

#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

static __always_inline __u64 net_cookie(struct net *net)
{
	if (bpf_core_field_exists(((struct net___v7 *)0)->ns.ns_id))
		return BPF_CORE_READ((struct net___v7 *)net, ns.ns_id);
	if (!bpf_core_field_exists(net->net_cookie))
		return 0;
	if (bpf_core_field_exists(((struct net___v510 *)0)->net_cookie.counter))
		return BPF_CORE_READ((struct net___v510 *)net, net_cookie.counter);
	return BPF_CORE_READ(net, net_cookie);
}

static __always_inline __u32 net_refs(__u64 address)
{
	struct net___v618 *net618 = (void *)address;
	struct net___v510 *net510 = (void *)address;
	struct net *net = (void *)address;

	if (bpf_core_field_exists(net->ns.count))
		return BPF_CORE_READ(net, ns.count.refs.counter);
	if (bpf_core_field_exists(net618->ns.__ns_ref))
		return BPF_CORE_READ(net618, ns.__ns_ref.refs.counter);
	if (bpf_core_field_exists(net510->count))
		return BPF_CORE_READ(net510, count.refs.counter);
	return -1;
}

/* The namespace that a task is in. While unshare or clone makes a new one, this is
 * still the old one. */
static __always_inline struct net *net_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, nsproxy, net_ns);
}

/* The network namespace that contains an ns_common. That of another kind of namespace
 * gives an address that no network namespace has. */
static __always_inline __u64 net_with(__u64 ns_common)
{
	return ns_common - bpf_core_field_offset(struct net, ns);
}

#endif
