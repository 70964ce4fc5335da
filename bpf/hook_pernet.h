/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each subsystem that registered pernet_operations does for a namespace: how
 * long nf_conntrack and ip_vs take of a creation, how long all of them take if that
 * is asked for, and what a module that is loaded does to existing namespaces.
 *
 * User space attaches the probes on a module's own functions a moment after the
 * module was loaded. Until then, ops_init shows its share of a creation.
 */
#ifndef NSBLAME_HOOK_PERNET_H
#define NSBLAME_HOOK_PERNET_H

#include "cost.h"
#include "module.h"

/* --- nf_conntrack and ip_vs ----------------------------------------- */

PROBE_ENTRY(conntrack, nf_conntrack_init_net)
{
	struct inflight *call = this_call();

	if (call)
		call->conntrack_ns = bpf_ktime_get_boot_ns();
	return 0;
}

PROBE_RETURN(conntrack, nf_conntrack_init_net)
{
	struct inflight *call = this_call();

	if (call && call->conntrack_ns) {
		call->conntrack_ns = bpf_ktime_get_boot_ns() - call->conntrack_ns;
		call->flags |= CREATE_CONNTRACK;
	}
	return 0;
}

PROBE_ENTRY(ipvs, __ip_vs_init, struct net *net)
{
	struct inflight *call = this_call();

	if (call) {
		call->ipvs_net = (__u64)net;
		call->ipvs_ns = bpf_ktime_get_boot_ns();
	}
	return 0;
}

/* The operations that ip_vs has registered. They are noted when it is loaded, or set by
 * the loader. 0 if they are not known, or the module's BTF has the size. */
volatile __u64 ipvs_operations = 0;

static __always_inline __u32 ipvs_size(void)
{
	struct pernet_operations *ops = (void *)ipvs_operations;
	__u32 size;

	if (bpf_core_type_exists(struct netns_ipvs)) {
		size = bpf_core_type_size(struct netns_ipvs);
		/* keeps the compiler from moving this out: without the type it is invalid */
		asm volatile("" : "+r"(size));
		return size;
	}
	return ops ? BPF_CORE_READ(ops, size) : 0;
}

/* The figures that older kernels log. */
static __always_inline void fill_ipvs(struct inflight *call)
{
	struct net *net = (void *)call->ipvs_net;
	struct netns_ipvs *ipvs;

	if (!bpf_core_field_exists(net->ipvs))
		return; /* this kernel has no ip_vs */
	ipvs = BPF_CORE_READ(net, ipvs);
	if (!ipvs)
		return;
	/* gen is the first member; vmlinux knows no more of the structure */
	if (!bpf_probe_read_kernel(&call->ipvs_gen, sizeof(call->ipvs_gen), ipvs))
		call->flags |= CREATE_IPVS_FIGURES;
	call->ipvs_size = ipvs_size();
}

PROBE_RETURN(ipvs, __ip_vs_init)
{
	struct inflight *call = this_call();

	if (!call || !call->ipvs_ns)
		return 0;
	call->ipvs_ns = bpf_ktime_get_boot_ns() - call->ipvs_ns;
	call->flags |= CREATE_IPVS;
	fill_ipvs(call);
	return 0;
}

/* --- modules -------------------------------------------------------- */

/* The operations that nf_conntrack has registered, 0 if not known. */
volatile __u64 conntrack_operations = 0;

/* Fires when all is prepared. The same thread calls the module's init function next. */
SEC("tp_btf/module_load")
int BPF_PROG(module_comes, struct module *module)
{
	char name[MODULE_NAME] = {};
	__u32 tid = this_thread();
	struct load *load;

	BPF_CORE_READ_STR_INTO(&name, module, name);
	emit_module(name, false);
	forget_load();
	if (!BPF_CORE_READ(module, init))
		return 0;
	if (!bpf_map_update_elem(&loads, &tid, zeros(), BPF_NOEXIST))
		__sync_fetch_and_add(&loading, 1);
	load = look_up(&loads, &tid);
	if (!load) {
		count(COUNT_LOADS_FULL);
		return 0;
	}
	load->subsystem = subsystem_of(name);
	load->module = untyped(module);
	__builtin_memcpy(load->rec.module, name, sizeof(load->rec.module));
	return 0;
}

/* Fires when the module is unlinked: it is unloaded, or its init function failed. */
SEC("tp_btf/module_free")
int BPF_PROG(module_goes, struct module *module)
{
	char name[MODULE_NAME] = {};

	BPF_CORE_READ_STR_INTO(&name, module, name);
	switch (subsystem_of(name)) {
	case CONNTRACK:
		conntrack_operations = 0;
		break;
	case IPVS:
		ipvs_operations = 0;
		break;
	}
	emit_module(name, true);
	return 0;
}

/* Fires when the module's init function has returned. Sends what that did. */
SEC("tp_btf/initcall_finish")
int BPF_PROG(module_inited)
{
	__u32 tid = this_thread();
	struct pernet_init_record *rec;
	struct load *load;
	__u32 i;

	if (!loading)
		return 0;
	load = look_up(&loads, &tid);
	if (!load)
		return 0;
	if (!load->passes)
		goto out;
	rec = &load->rec;
	rec->kind = REC_PERNET_INIT;
	rec->by = current_key();
	rec->tid = tid;
	bpf_get_current_comm(rec->comm, sizeof(rec->comm));
	if (meet_current())
		rec->ancestors_lost = publish_lineage(rec->by.start_ns, rec->by.pid, RING_STORY);
	for (i = 0; i < PASSES_MAX; i++) {
		if (i >= load->passes)
			break;
		send_pass(i);
	}
out:
	forget_load();
	return 0;
}

/* --- what a module does through ops_init ---------------------------- */

/*
 * ops_init runs for each subsystem of each creation. So these programs leave at once
 * unless a module is being loaded, or they meet the operations of nf_conntrack or
 * ip_vs.
 */

static __always_inline void op_of_creation(struct inflight *call, __u64 ops, __u64 net)
{
	if (ops != conntrack_operations && ops != ipvs_operations)
		return;
	if (ops == ipvs_operations)
		call->ipvs_net = net;
	call->op = ops;
	call->op_ns = bpf_ktime_get_boot_ns();
	__sync_fetch_and_add(&in_op, 1);
}

/* The operations of nf_conntrack and ip_vs are the first of the module that have a
 * function. */
static __always_inline void note_operations(struct load *load, struct pass *pass)
{
	if (!pass->init)
		return;
	if (load->subsystem == CONNTRACK)
		conntrack_operations = pass->ops;
	if (load->subsystem == IPVS)
		ipvs_operations = pass->ops;
	load->subsystem = OTHER_SUBSYSTEM;
}

static __always_inline void op_of_pass(struct load *load, __u64 ops)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u32 last = load->passes - 1;
	struct pass *pass;

	if (last >= PASSES_MAX || load->pass[last & (PASSES_MAX - 1)].ops != ops) {
		last = load->passes;
		if (last >= PASSES_MAX) {
			count(COUNT_LOADS_FULL);
			return;
		}
		pass = &load->pass[last & (PASSES_MAX - 1)];
		pass->ops = ops;
		pass->init = (__u64)BPF_CORE_READ((struct pernet_operations *)ops, init);
		pass->boot_ns = now;
		load->passes = last + 1;
		note_operations(load, pass);
	} else {
		pass = &load->pass[last & (PASSES_MAX - 1)];
	}
	pass->namespaces++;
	load->began_ns = now;
	__sync_fetch_and_add(&in_op, 1);
}

PROBE_ENTRY(pernet, ops_init, __u64 ops, __u64 net)
{
	struct inflight *call;
	struct load *load;
	__u32 tid;

	if (!loading && ops != conntrack_operations && ops != ipvs_operations)
		return 0;
	call = this_call();
	if (call && !call->net) {
		op_of_creation(call, ops, net);
		return 0;
	}
	tid = this_thread();
	load = look_up(&loads, &tid);
	if (load)
		op_of_pass(load, ops);
	return 0;
}

/* If the subsystem's own probe has measured too, its figure counts: it has nothing but
 * the subsystem. */
static __always_inline void end_op_of_creation(struct inflight *call)
{
	__u64 took = bpf_ktime_get_boot_ns() - call->op_ns;

	if (call->op == ipvs_operations && !(call->flags & CREATE_IPVS)) {
		call->ipvs_ns = took;
		call->flags |= CREATE_IPVS | CREATE_IPVS_OPS;
		fill_ipvs(call);
	}
	if (call->op == conntrack_operations && !(call->flags & CREATE_CONNTRACK)) {
		call->conntrack_ns = took;
		call->flags |= CREATE_CONNTRACK | CREATE_CONNTRACK_OPS;
	}
	call->op = 0;
	__sync_fetch_and_add(&in_op, -1);
}

static __always_inline void end_op_of_pass(struct load *load, int result)
{
	struct pass *pass = &load->pass[(load->passes - 1) & (PASSES_MAX - 1)];

	pass->duration_ns += bpf_ktime_get_boot_ns() - load->began_ns;
	pass->ended++;
	if (result)
		pass->error = -result;
	load->began_ns = 0;
	__sync_fetch_and_add(&in_op, -1);
}

PROBE_RESULT(pernet, ops_init, 2, int result)
{
	struct inflight *call;
	struct load *load;
	__u32 tid;

	if (!in_op)
		return 0;
	call = this_call();
	if (call && call->op) {
		end_op_of_creation(call);
		return 0;
	}
	tid = this_thread();
	load = look_up(&loads, &tid);
	if (load && load->began_ns)
		end_op_of_pass(load, result);
	return 0;
}

/* --- what a creation is made of ------------------------------------- */

/*
 * Each run of ops_init calls the function of one subsystem. Before the first of them
 * comes the wait for pernet_ops_rwsem. These programs are loaded only if costs are
 * asked for. ops_init also runs for existing namespaces when a module is loaded, so
 * only what a thread does within copy_net_ns counts.
 */

PROBE_ENTRY(cost, ops_init, struct pernet_operations *ops)
{
	struct cost *cost = cost_of_call();

	if (!cost)
		return 0;
	if (cost->began && may_miss_returns)
		count(COUNT_INIT_RETURN_MISSED);
	cost->init = (__u64)BPF_CORE_READ(ops, init);
	cost->ops = untyped(ops);
	cost->began = bpf_ktime_get_boot_ns();
	return 0;
}

PROBE_RETURN(cost, ops_init)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u32 tid = this_thread();
	struct cost *cost = look_up(&costs, &tid);
	struct cost_op *op;
	__u32 n;

	if (!cost || !cost->began)
		return 0;
	n = cost->rec.n;
	if (n >= COST_OPS) {
		cost->rec.unlisted++;
		cost->rec.unlisted_ns += now - cost->began;
	} else {
		op = &cost->rec.op[n];
		op->init = cost->init;
		op->ops = cost->ops;
		op->duration_ns = now - cost->began;
		cost->rec.n = n + 1;
	}
	cost->began = 0;
	return 0;
}

/* Before the first subsystem is called, no rwsem but pernet_ops_rwsem is taken. */
PROBE_ENTRY(lock, rwsem_down_read_slowpath)
{
	struct cost *cost = cost_of_call();

	if (cost && !cost->began && !cost->rec.n)
		cost->lock_began = bpf_ktime_get_boot_ns();
	return 0;
}

PROBE_RETURN(lock, rwsem_down_read_slowpath)
{
	__u32 tid = this_thread();
	struct cost *cost = look_up(&costs, &tid);

	if (cost && cost->lock_began) {
		cost->rec.lock_ns += bpf_ktime_get_boot_ns() - cost->lock_began;
		cost->lock_began = 0;
	}
	return 0;
}

SEC("tp_btf/module_free")
int BPF_PROG(module_removed)
{
	__sync_fetch_and_add(&modules_removed, 1);
	return 0;
}

#endif
