/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of modules that are being loaded. The init function of a module can
 * have all existing namespaces initialised: it registers pernet_operations, and the
 * kernel calls ops_init (net/core/net_namespace.c) for each namespace, in the thread
 * that loads. Such a pass is counted here, and sent when the init function returns.
 */
#ifndef NSBLAME_MODULE_H
#define NSBLAME_MODULE_H

#include "process.h"

/* The subsystems that have a probe of their own. */
enum subsystem {
	OTHER_SUBSYSTEM,
	CONNTRACK,
	IPVS,
};

/* A pass over all namespaces for one subsystem. */
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
	struct pernet_init_record rec; /* in which each pass is sent */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32); /* thread */
	__type(value, struct load);
} loads SEC(".maps");

ENOUGH_ZEROS(struct load);

static __always_inline struct load *this_load(void)
{
	__u32 tid = this_thread();

	return look_up(&loads, &tid);
}

/* How many modules are being loaded, and how many threads are in an ops_init that is
 * followed. If the kernel skips a program they stay too high, which costs a look into
 * a map. */
volatile __u32 loading = 0;
volatile __u32 in_op = 0;

static __always_inline __u32 subsystem_of(const char *module)
{
	if (!__builtin_memcmp(module, "nf_conntrack", sizeof("nf_conntrack")))
		return CONNTRACK;
	if (!__builtin_memcmp(module, "ip_vs", sizeof("ip_vs")))
		return IPVS;
	return OTHER_SUBSYSTEM;
}

static __always_inline void emit_module(const char *module, bool unloaded)
{
	struct module_record rec;

	__builtin_memset(&rec, 0, sizeof(rec));
	rec.kind = REC_MODULE;
	rec.unloaded = unloaded;
	rec.boot_ns = bpf_ktime_get_boot_ns();
	__builtin_memcpy(rec.module, module, sizeof(rec.module));
	emit(RING_STORY, &rec, sizeof(rec), COUNT_LOST_INIT);
}

static __always_inline void forget_load(void)
{
	__u32 tid = this_thread();

	if (!bpf_map_delete_elem(&loads, &tid))
		__sync_fetch_and_add(&loading, -1);
}

/* --- the name of a function ----------------------------------------- */

static __always_inline bool names_symbols(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id___known, BPF_FUNC_snprintf___known);
}

/* A symbol of ELF on 64 bits. By now its value is the address. */
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

/* How many symbols are looked at in one chunk, and of a module. The verifier of 5.10
 * limits the branches of a chunk. */
#define SYMBOL_CHUNK 512
#define SYMBOLS_MAX 8192

/* Returns which of the first symbols is the function at the address, -1 if none. */
__noinline int symbol_in_chunk(__u64 symbols, __u32 count, __u64 address)
{
	struct symbol symbol;
	int i;

	/* not called then, but kernels before 6.8 verify it all the same */
	if (names_symbols())
		return -1;
	for (i = 0; i < SYMBOL_CHUNK && i < count; i++) {
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

	for (first = 0; first < SYMBOLS_MAX && first < count; first += SYMBOL_CHUNK) {
		i = symbol_in_chunk(symbols + first * sizeof(struct symbol), count - first, address);
		if (i >= 0)
			return first + i;
	}
	return -1;
}

/*
 * Names a function of a module by the module's own symbols, on kernels that cannot
 * name an address. The symbols are there until the init function returns. User space
 * may come too late, when the module is gone again.
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

/* --- sending -------------------------------------------------------- */

/* Sends what a module that is being loaded by this thread did for one subsystem. */
__noinline int send_pass(__u32 i)
{
	struct load *load = this_load();
	struct pernet_init_record *rec;
	struct pass *pass;

	if (!load)
		return 0;
	rec = &load->rec;
	pass = &load->pass[i & (PASSES_MAX - 1)];
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
		name_function(rec->op, sizeof(rec->op), (struct module *)load->module, pass->init);
	rec->sent_ns = bpf_ktime_get_boot_ns();
	emit(RING_STORY, rec, sizeof(*rec), COUNT_LOST_INIT);
	return 0;
}

#endif
