/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel types that the programs read, with only the members that they read.
 * CO-RE finds each member by its name in the BTF of the running kernel, so order,
 * size and other members do not matter here.
 *
 * A name with three underscores is a flavour: it declares the same type as another
 * kernel generation does. CO-RE ignores the underscores and what follows them.
 */
#ifndef NSBLAME_KERNEL_H
#define NSBLAME_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

/* The context of a kprobe: the registers, in the order of the kernel's ABI. The names
 * are those that bpf_tracing.h takes outside the kernel. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	unsigned long rax, rcx, rdx, rsi, rdi, orig_rax;
	unsigned long rip, cs, eflags, rsp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31], sp, pc, pstate;
};
#endif

#define TASK_COMM_LEN 16
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
#define NSFS_MAGIC 0x6e736673
#define SOCKFS_MAGIC 0x534f434b
#define AF_UNIX 1
#define SOCK_STREAM 1
#define CLONE_NEWNET 0x40000000UL
#define THREAD_SIZE (16 << 10) /* of the smallest stack that a task has */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct super_block {
	unsigned long s_magic;
};

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
	void *i_private; /* in nsfs the namespace's struct ns_common */
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data; /* of a socket its struct socket */
	atomic64_t f_count; /* up to 6.12 */
};

/* The count of references less one. */
typedef struct {
	atomic64_t refcnt;
} file_ref_t;

struct file___v613 {
	file_ref_t f_ref;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
	struct file *exe_file;
};

typedef struct {
	__u32 val;
} kuid_t;

/* fs/kernfs/kernfs-internal.h */
struct kernfs_iattrs {
	kuid_t ia_uid;
};

struct kernfs_node {
	struct kernfs_node *parent; /* up to 6.14 */
	const char *name;
	__u64 id;
	struct kernfs_iattrs *iattr; /* NULL while it is root's */
};

struct kernfs_node___v615 {
	struct kernfs_node *__parent;
};

struct cgroup_root {
	char name[64];
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct css_set {
	struct cgroup *dfl_cgrp;
	struct list_head cgrp_links;
};

/* kernel/cgroup/cgroup-internal.h. cgrp_link is on the list css_set.cgrp_links. */
struct cgrp_cset_link {
	struct cgroup *cgrp;
	struct list_head cgrp_link;
};

struct user_namespace;

struct cred {
	kuid_t uid;
	kuid_t euid;
	struct user_namespace *user_ns;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live;
	int nr_threads;
	int group_exit_code;
	unsigned int flags;
};

#define PF_KTHREAD 0x00200000 /* among task_struct.flags */

#define SIGNAL_GROUP_EXIT 0x00000004

typedef struct {
	atomic_t refs;
} refcount_t;

struct proc_ns_operations {
	const char *name;
};

struct ns_common {
	const struct proc_ns_operations *ops;
	unsigned int inum;
	refcount_t count; /* 5.11 to 6.17 */
};

struct ns_common___v618 {
	refcount_t __ns_ref;
};

struct ns_common___v7 {
	__u64 ns_id;
};

struct netns_ipvs {
	int gen;
};

struct pernet_operations {
	void *init; /* a function, or none */
	unsigned long size;
};

/* include/linux/module.h; MODULE_NAME_LEN on 64 bits */
#define MODULE_NAME 56

struct elf64_sym;

struct mod_kallsyms {
	struct elf64_sym *symtab;
	unsigned int num_symtab;
	char *strtab;
};

struct module {
	char name[MODULE_NAME];
	void *init;
	struct mod_kallsyms *kallsyms;
};

struct user_namespace {
	struct ns_common ns;
	struct user_namespace *parent;
	kuid_t owner; /* who made it */
	int level;    /* 0 of the machine's own */
};

struct pid_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns; /* of whoever made it */
};

struct net {
	struct list_head list; /* of all, in the order of their creation */
	struct ns_common ns;
	__u64 net_cookie;
	struct netns_ipvs *ipvs;
	struct user_namespace *user_ns;
	struct list_head exit_list; /* of those that are torn down together */
};

/* 5.10: the cookie is filled when it is first asked for, and references are counted
 * here. */
struct net___v510 {
	refcount_t count;
	atomic64_t net_cookie;
};

/* 7.x: the identifier that all kinds of namespaces have. */
struct net___v7 {
	struct ns_common___v7 ns;
};

struct net___v618 {
	struct ns_common___v618 ns;
};

struct nsproxy {
	struct net *net_ns;
};

/* Of arm64. x86 keeps the count elsewhere. */
struct thread_info {
	__u64 preempt_count;
};

struct task_struct {
	struct thread_info thread_info;
	void *stack;
	unsigned int flags;
	int pid;
	int tgid;
	int exit_code;
	char comm[TASK_COMM_LEN];
	__u64 start_boottime;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	struct pid *thread_pid;
	const struct cred *real_cred;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	struct signal_struct *signal;
	__u64 self_exec_id;
	struct hlist_node pid_links[4]; /* by enum pid_type */
};

struct sockaddr_un {
	char sun_path[108];
};

struct unix_address {
	int len; /* of name */
	struct sockaddr_un name[0];
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

enum pid_type {
	PIDTYPE_TGID = 1,
};

struct pid {
	unsigned int level; /* how deep its namespace is, 0 is the machine's */
	struct hlist_head tasks[4]; /* by enum pid_type */
	struct upid numbers[1];	    /* one a level; this is the machine's */
};

typedef struct {
	struct net *net;
} possible_net_t;

struct proto;

struct sock_common {
	unsigned short skc_family;
	struct proto *skc_prot;
	possible_net_t skc_net;
};

struct sk_buff {
	struct sk_buff *next;
	struct sock *sk; /* that it is charged to */
	char cb[48];	 /* of unix sockets a struct unix_skb_parms */
	unsigned int len, data_len;
	unsigned int end; /* where struct skb_shared_info is, from head */
	unsigned char *head, *data;
};

struct skb_frag {
	__u32 len;
};

struct skb_shared_info {
	__u8 nr_frags;
	struct skb_frag frags[17]; /* before 6.9 struct bio_vec */
};

struct kmem_cache_order_objects {
	unsigned int x;
};

struct kmem_cache_node {
	struct list_head partial; /* of struct slab, before 5.17 of struct page */
};

struct kmem_cache {
	struct kmem_cache_order_objects oo;
	struct list_head list; /* of all caches */
	struct kmem_cache_node *node[1];
};

struct kmem_cache_per_node_ptrs {
	struct kmem_cache_node *node;
};

/* 7.x */
struct kmem_cache___v7 {
	struct kmem_cache_per_node_ptrs per_node[1];
};

struct page {
	unsigned long flags;
};

struct page___v510 {
	struct list_head slab_list;
	void *freelist;
};

struct slab {
	struct list_head slab_list;
	void *freelist;
};

struct proto {
	struct kmem_cache *slab;
};

struct sk_buff_head {
	struct sk_buff *next;
	__u32 qlen;
};

/* The descriptors in a message. */
struct scm_fp_list {
	short count;
	struct file *fp[253];
};

struct unix_skb_parms {
	struct scm_fp_list *fp;
};

struct socket;

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	struct socket *sk_socket;
	struct pid *sk_peer_pid;
	const struct cred *sk_peer_cred;
	__u16 sk_type;
};

struct unix_sock {
	struct unix_address *addr;
	struct unix_sock *peer; /* a struct sock, with which a unix_sock begins */
};

struct socket {
	struct unix_sock *sk; /* likewise */
	struct file *file;
};

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct iov_iter {
	unsigned long count;
};

struct msghdr {
	struct iov_iter msg_iter;
	unsigned int msg_flags;
};

#define MSG_OOB 1

/* Which helper functions this kernel has. */
enum bpf_func_id___known {
	BPF_FUNC_snprintf___known = 165,
	BPF_FUNC_task_pt_regs___known = 175,
	BPF_FUNC_skc_to_unix_sock___known = 178,
};

/* The number of the system call, among the registers that its entry saved. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs___entry {
	unsigned long orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs___entry {
	int syscallno;
};
#endif

struct linux_binprm;
struct fs_struct;
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 seq_num; /* of what is iterated over, from 0 */
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
