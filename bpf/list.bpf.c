/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What nsblame list asks the kernel, in an object of its own. Nothing here is attached
 * to anything. Each program runs once on demand.
 *
 * list_namespaces walks the kernel's list of network namespaces. It needs no symbol.
 * The first process is in the initial namespace, which is the first in the list. So
 * the list's head precedes it. An invocation runs under RCU from beginning to end, so
 * that no namespace is freed under it. Old verifiers accept short loops only, so tail
 * calls make the walk longer.
 *
 * list_files looks at every open file and lists those that hold a network namespace:
 * files of nsfs, and sockets in another namespace than the thread that has them open.
 * A message in a unix socket that nobody has received yet may contain such files, so
 * those are listed, too. systemd keeps the namespaces of services in this way.
 */
#include "net.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

/* A namespace in the list. */
struct net_record {
	__u64 cookie;
	__u32 inum;
	__u32 refs;	  /* -1 if not known */
	__u32 user_inum;  /* of the user namespace that owns it */
	__u32 owner_uid;  /* the user who made that, in the initial user namespace */
};

/* An open file that holds a namespace. */
enum file_kind {
	FILE_NSFS,
	FILE_SOCKET,
	FILE_MESSAGE, /* either of them, in a message to the socket at fd */
};

struct file_record {
	__u64 ino; /* the socket's */
	__u64 start_ns; /* of the process */
	__u32 kind;
	__u32 pid;
	__u32 tid;
	__u32 fd;
	__u32 inum; /* the network namespace's */
	__u32 family; /* the socket's */
};

const struct net_record *net_record_anchor __attribute__((unused));
const struct file_record *file_record_anchor __attribute__((unused));
const enum file_kind *file_kind_anchor __attribute__((unused));

#define STEPS 512     /* of the loop */
#define TAIL_CALLS 32 /* one less than all kernels allow */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STEPS * TAIL_CALLS);
	__type(key, __u32);
	__type(value, struct net_record);
} nets SEC(".maps");

int list_namespaces(void *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} again SEC(".maps") = {
	.values = { [0] = (void *)&list_namespaces },
};

/* Where the walk is, 0 before it. */
__u64 next_net = 0;
__u64 list_head = 0;
__u32 found = 0;
/* Set when the walk came to the end of the list. */
bool whole = false;

#define MAX_ANCESTORS 512

static __always_inline struct net *initial_net(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	for (int i = 0; i < MAX_ANCESTORS; i++) {
		if (!BPF_CORE_READ(task, tgid))
			return BPF_CORE_READ(task, nsproxy, net_ns);
		task = BPF_CORE_READ(task, real_parent);
	}
	return NULL;
}

static __always_inline void fill_net(struct net_record *rec, struct net *net)
{
	struct user_namespace *user = BPF_CORE_READ(net, user_ns);

	rec->cookie = net_cookie(net);
	rec->inum = BPF_CORE_READ(net, ns.inum);
	rec->refs = net_refs((__u64)net);
	rec->user_inum = BPF_CORE_READ(user, ns.inum);
	rec->owner_uid = BPF_CORE_READ(user, owner.val);
}

SEC("raw_tp/sys_enter")
int list_namespaces(void *ctx)
{
	if (!next_net) {
		struct net *first = initial_net();

		if (!first)
			return 1;
		next_net = (__u64)first + bpf_core_field_offset(struct net, list);
		list_head = (__u64)BPF_CORE_READ(first, list.prev);
	}
	for (int i = 0; i < STEPS; i++) {
		struct net_record *rec;
		struct net *net;
		__u32 n = found;

		if (next_net == list_head) {
			whole = true;
			return 0;
		}
		rec = bpf_map_lookup_elem(&nets, &n);
		if (!rec)
			return 0;
		net = (void *)(next_net - bpf_core_field_offset(struct net, list));
		fill_net(rec, net);
		found = n + 1;
		next_net = (__u64)BPF_CORE_READ(net, list.next);
		if (!next_net)
			return 0;
	}
	bpf_tail_call(ctx, &again, 0);
	return 0;
}

static __always_inline bool is_net(struct ns_common *ns)
{
	char name[4] = {};

	bpf_probe_read_kernel(name, sizeof(name), BPF_CORE_READ(ns, ops, name));
	return name[0] == 'n' && name[1] == 'e' && name[2] == 't' && !name[3];
}

/* Fills in how the file holds which namespace. False if it holds none, or the one that
 * the thread is in anyway. */
static __always_inline bool holds_net(struct file_record *rec, struct file *file,
				      struct task_struct *task)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);
	struct ns_common *ns;
	struct socket *sock;
	struct sock *sk;
	struct net *net;

	if (magic == NSFS_MAGIC) {
		ns = BPF_CORE_READ(inode, i_private);
		if (!is_net(ns))
			return false;
		rec->kind = FILE_NSFS;
		rec->inum = BPF_CORE_READ(ns, inum);
		return true;
	}
	if (magic != SOCKFS_MAGIC)
		return false;
	sock = BPF_CORE_READ(file, private_data);
	sk = (void *)BPF_CORE_READ(sock, sk);
	net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
	if (!net || net == net_of(task))
		return false;
	rec->kind = FILE_SOCKET;
	rec->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	rec->inum = BPF_CORE_READ(net, ns.inum);
	rec->ino = BPF_CORE_READ(inode, i_ino);
	return true;
}

#define AF_UNIX 1
#define MESSAGES 16	/* of a socket that are read */
#define DESCRIPTORS 16 /* of a message that are read */

/* Counts sockets with more messages, and messages with more descriptors. */
__u64 queues_cut = 0;

static __always_inline void list_message(struct seq_file *seq, struct file_record *rec,
					 struct task_struct *task, struct sk_buff *skb)
{
	struct unix_skb_parms *parms = (void *)skb + bpf_core_field_offset(struct sk_buff, cb);
	struct scm_fp_list *list = BPF_CORE_READ(parms, fp);
	short count;

	if (!list)
		return;
	count = BPF_CORE_READ(list, count);
	for (int i = 0; i < DESCRIPTORS && i < count; i++) {
		struct file *file = NULL;

		bpf_probe_read_kernel(&file, sizeof(file),
				      (void *)list + bpf_core_field_offset(struct scm_fp_list, fp) +
					      i * sizeof(file));
		if (!file || !holds_net(rec, file, task))
			continue;
		rec->kind = FILE_MESSAGE;
		bpf_seq_write(seq, rec, sizeof(*rec));
	}
	if (count > DESCRIPTORS)
		__sync_fetch_and_add(&queues_cut, 1);
}

/*
 * The queue is read without its lock. A message that goes away meanwhile leads to
 * memory that is no file, or to a file whose namespace does not exist. User space
 * finds that out.
 */
static __always_inline void list_messages(struct seq_file *seq, struct file_record *rec,
					  struct task_struct *task, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct socket *sock;
	struct sk_buff *skb;
	struct sock *sk;
	__u64 head;

	if (!bpf_core_field_exists(((struct unix_skb_parms *)0)->fp) ||
	    BPF_CORE_READ(inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return;
	sock = BPF_CORE_READ(file, private_data);
	sk = (void *)BPF_CORE_READ(sock, sk);
	if (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
		return;
	head = (__u64)sk + bpf_core_field_offset(struct sock, sk_receive_queue);
	skb = BPF_CORE_READ(sk, sk_receive_queue.next);
	for (int i = 0; i < MESSAGES; i++) {
		if (!skb || (__u64)skb == head)
			return;
		list_message(seq, rec, task, skb);
		skb = BPF_CORE_READ(skb, next);
	}
	if (skb && (__u64)skb != head)
		__sync_fetch_and_add(&queues_cut, 1);
}

SEC("iter/task_file")
int list_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct seq_file *seq = ctx->meta->seq;
	struct file_record rec = {};

	if (!task || !file)
		return 0;
	rec.fd = ctx->fd;
	rec.pid = BPF_CORE_READ(task, tgid);
	rec.tid = BPF_CORE_READ(task, pid);
	rec.start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	if (holds_net(&rec, file, task))
		bpf_seq_write(seq, &rec, sizeof(rec));
	list_messages(seq, &rec, task, file);
	return 0;
}
