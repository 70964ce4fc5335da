/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Modules that come and go. A module that is loaded can have every namespace
 * that there is initialised for it: its init function registers
 * pernet_operations, and the kernel calls ops_init (net/core/net_namespace.c)
 * for each namespace, in the thread that loads. Such a pass is counted here and
 * sent when the init function is over.
 *
 * The probes on a module's own functions are attached by user space, a moment
 * after it has come. What ops_init sees of a creation fills the gap until then.
 * It runs for each subsystem of each creation, so its programs leave at once
 * unless a module is being loaded or they meet the operations of one that was.
 */
#ifndef NSBLAME_HOOK_PERNET_H
#define NSBLAME_HOOK_PERNET_H

#include "hook_create.h"

/* The subsystems that have a probe of their own. */
enum subsystem {
	OTHER_SUBSYSTEM,
	CONNTRACK,
	IPVS,
};

/* All namespaces, initialised for one subsystem. */
struct pass {
	__u64 ops; /* struct pernet_operations */
	__u64 init;
	__u64 boot_ns;
	__u64 duration_ns;
	__u32 namespaces;
	__u32 ended; /* of those */
	__u32 error;
	__u32 pad;
};

#define PASSES_MAX 8 /* a power of two */

/* A module whose init function is running. */
struct load {
	struct pass pass[PASSES_MAX];
	__u64 began_ns; /* of the ops_init under way, 0 for none */
	__u32 passes;
	__u32 subsystem; /* enum subsystem, until its operations are known */
	__u32 pad;
	__u64 module; /* struct module */
	struct init_record rec; /* in which each pass is sent */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32); /* thread */
	__type(value, struct load);
} loads SEC(".maps");

/* How many there are in loads, and how many threads are in an ops_init that is
 * followed. If a program was skipped by the kernel they stay too high, which
 * costs a look into a map. */
volatile __u32 loading = 0;
volatile __u32 in_op = 0;

/* What nf_conntrack has given to register_pernet_subsys, as ipvs_operations. */
volatile __u64 conntrack_operations = 0;

static __always_inline __u32 subsystem_of(const char *module)
{
	if (!__builtin_memcmp(module, "nf_conntrack", sizeof("nf_conntrack")))
		return CONNTRACK;
	if (!__builtin_memcmp(module, "ip_vs", sizeof("ip_vs")))
		return IPVS;
	return OTHER_SUBSYSTEM;
}

static __always_inline void emit_module(const char *module, bool gone)
{
	struct module_record rec;

	__builtin_memset(&rec, 0, sizeof(rec));
	rec.kind = REC_MODULE;
	rec.gone = gone;
	rec.boot_ns = bpf_ktime_get_boot_ns();
	__builtin_memcpy(rec.module, module, sizeof(rec.module));
	emit(&rec, sizeof(rec), COUNT_LOST_INIT);
}

static __always_inline void forget_load(void)
{
	__u32 tid = this_thread();

	if (!bpf_map_delete_elem(&loads, &tid))
		__sync_fetch_and_add(&loading, -1);
}

/* Fires when all is prepared, and before the module's init function is called
 * by the same thread. */
SEC("tp_btf/module_load")
int BPF_PROG(module_comes, struct module *module)
{
	char name[MODULE_NAME] = {};
	struct blank *zeros = blank();
	__u32 tid = this_thread();
	struct load *load;

	BPF_CORE_READ_STR_INTO(&name, module, name);
	emit_module(name, false);
	forget_load();
	if (!zeros || !BPF_CORE_READ(module, init))
		return 0;
	/* so many zeros, and more */
	if (!bpf_map_update_elem(&loads, &tid, zeros, BPF_NOEXIST))
		__sync_fetch_and_add(&loading, 1);
	load = bpf_map_lookup_elem(&loads, &tid);
	if (!load) {
		count(COUNT_LOADS_FULL);
		return 0;
	}
	load->subsystem = subsystem_of(name);
	load->module = untyped(module);
	__builtin_memcpy(load->rec.module, name, sizeof(load->rec.module));
	return 0;
}

/* Fires when it is unlinked: unloaded, or its init function has failed. */
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

static __always_inline bool names_symbols(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id___formats, BPF_FUNC_snprintf___formats);
}

/* What ELF has of a symbol, on 64 bits; the value is the address by now. */
struct symbol {
	__u32 name;
	__u8 info;
	__u8 other;
	__u16 section;
	__u64 value;
	__u64 size;
};

#define SYMBOL_TYPE 0xf
#define SYMBOL_FUNCTION 2

/* How many symbols are looked at: in one go, which has a bound in the number of
 * branches that 5.10 keeps in mind, and of a module. */
#define SYMBOL_STRETCH 512
#define SYMBOLS_MAX 8192

/* Returns which of so many symbols is the function at the address, -1 if none. */
__noinline int symbol_in_stretch(__u64 symbols, __u32 count, __u64 address)
{
	struct symbol symbol;
	int i;

	for (i = 0; i < SYMBOL_STRETCH && i < count; i++) {
		if (bpf_probe_read_kernel(&symbol, sizeof(symbol), (void *)symbols))
			break;
		if (symbol.value == address && (symbol.info & SYMBOL_TYPE) == SYMBOL_FUNCTION)
			return i;
		symbols += sizeof(symbol);
	}
	return -1;
}

__noinline int symbol_at(__u64 symbols, __u32 count, __u64 address)
{
	__u32 first;
	int i;

	for (first = 0; first < SYMBOLS_MAX && first < count; first += SYMBOL_STRETCH) {
		i = symbol_in_stretch(symbols + first * sizeof(struct symbol), count - first, address);
		if (i >= 0)
			return first + i;
	}
	return -1;
}

/*
 * Names a function of a module by the module's own symbols, which are there
 * until its init function is over: for kernels that can't name an address. User
 * space may come too late for that, when the module is gone again.
 */
static __always_inline void name_function(char *name, __u32 size, struct module *module, __u64 address)
{
	struct symbol symbol;
	__u64 symbols;
	int i;

	if (!bpf_core_field_exists(module->kallsyms))
		return;
	symbols = (__u64)BPF_CORE_READ(module, kallsyms, symtab);
	i = symbol_at(symbols, BPF_CORE_READ(module, kallsyms, num_symtab), address);
	if (i < 0 || bpf_probe_read_kernel(&symbol, sizeof(symbol), (void *)symbols + i * sizeof(symbol)))
		return;
	bpf_probe_read_kernel_str(name, size, BPF_CORE_READ(module, kallsyms, strtab) + symbol.name);
}

static __always_inline void send_pass(struct init_record *rec, struct pass *pass, __u64 module)
{
	rec->boot_ns = pass->boot_ns;
	rec->duration_ns = pass->duration_ns;
	rec->namespaces = pass->namespaces;
	rec->unfinished = pass->namespaces - pass->ended;
	rec->error = pass->error;
	rec->init = pass->init;
	__builtin_memset(rec->op, 0, sizeof(rec->op));
	if (pass->init && names_symbols())
		BPF_SNPRINTF(rec->op, sizeof(rec->op), "%ps", pass->init);
	else if (pass->init)
		name_function(rec->op, sizeof(rec->op), (struct module *)module, pass->init);
	emit(rec, sizeof(*rec), COUNT_LOST_INIT);
}

/* The module's init function has returned; user space learns what it did. */
SEC("tp_btf/initcall_finish")
int BPF_PROG(module_inited)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tid = this_thread();
	struct init_record *rec;
	struct load *load;
	struct process *p;
	int i;

	if (!loading)
		return 0;
	load = bpf_map_lookup_elem(&loads, &tid);
	if (!load)
		return 0;
	if (!load->passes)
		goto out;
	rec = &load->rec;
	rec->kind = REC_INIT;
	rec->by = process_key(task);
	rec->tid = tid;
	bpf_get_current_comm(rec->comm, sizeof(rec->comm));
	p = find_or_adopt(task, &rec->by);
	if (p) {
		refresh(p, task);
		rec->ancestors_lost = publish_lineage(rec->by.start_ns, rec->by.pid);
	}
	for (i = 0; i < PASSES_MAX; i++) {
		if (i >= load->passes)
			break;
		send_pass(rec, &load->pass[i], load->module);
	}
out:
	forget_load();
	return 0;
}

/* --- ops_init ------------------------------------------------------------ */

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

/* A subsystem with a probe of its own is known by the first of the module's
 * operations that do something. */
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
	if (call && call->start_ns && !call->net) {
		op_of_creation(call, ops, net);
		return 0;
	}
	tid = this_thread();
	load = bpf_map_lookup_elem(&loads, &tid);
	if (load)
		op_of_pass(load, ops);
	return 0;
}

/* What the subsystem's own probe has seen counts, for it measures no more than
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
	load = bpf_map_lookup_elem(&loads, &tid);
	if (load && load->began_ns)
		end_op_of_pass(load, result);
	return 0;
}

#endif
