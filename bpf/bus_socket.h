/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which socket is that of a bus, who listens there, and which connection it is.
 *
 * A bus is known by the path that its socket listens on. An accepted socket has the
 * address of its listener. So the client has it on its peer, the bus on its own socket.
 * The path alone proves nothing, nor does the address, which is used again at once. So
 * both go to user space together with who began to listen.
 */
#ifndef NSBLAME_BUS_SOCKET_H
#define NSBLAME_BUS_SOCKET_H

#include "dbus.h"
#include "process.h"

#define SUN_PATH                                           \
	(bpf_core_field_offset(struct unix_address, name) + \
	 bpf_core_field_offset(struct sockaddr_un, sun_path))

#define NOT_USER (~0ULL)

/* The user in /run/user/UID/bus and /run/user/UID/systemd/private, of which path
 * holds the beginning. NOT_USER if it is none of these. */
static __always_inline __u64 user_of_path(const char *path, void *sun_path)
{
	__u64 uid = 0, rest[3] = {};
	int i;

	if (path[8] != 'r' || path[9] != '/' || path[10] == '/')
		return NOT_USER;
	for (i = 10; i < 21; i++) {
		if (path[i] == '/')
			break;
		if (path[i] < '0' || path[i] > '9')
			return NOT_USER;
		uid = uid * 10 + path[i] - '0';
	}
	if (bpf_probe_read_kernel_str(rest, sizeof(rest), sun_path + i) < 0)
		return NOT_USER;
	if (rest[0] == WORD('/', 'b', 'u', 's', 0, 0, 0, 0) ||
	    (rest[0] == WORD('/', 's', 'y', 's', 't', 'e', 'm', 'd') &&
	     rest[1] == WORD('/', 'p', 'r', 'i', 'v', 'a', 't', 'e') && !rest[2]))
		return uid;
	return NOT_USER;
}

/* True if a path begins as that of a bus, which next to none does. */
static __always_inline bool may_be_bus(__u64 path)
{
	return path == WORD('/', 'r', 'u', 'n', '/', 'd', 'b', 'u') ||
	       path == WORD('/', 'v', 'a', 'r', '/', 'r', 'u', 'n') ||
	       path == WORD('/', 'r', 'u', 'n', '/', 's', 'y', 's') ||
	       path == WORD('/', 'r', 'u', 'n', '/', 'u', 's', 'e');
}

/* Reads the path that a socket is bound to. True if it is that of a bus, or of a
 * manager. user is the one in it, NOT_USER if it is the system's. */
static __always_inline bool is_bus(struct unix_address *addr, __u64 *path, __u64 *user)
{
	void *sun_path = (void *)addr + SUN_PATH;

	__builtin_memset(path, 0, BUS_PATH);
	if (bpf_probe_read_kernel_str(path, BUS_PATH, sun_path) < 0)
		return false;
	*user = NOT_USER;
	if (path[0] == WORD('/', 'r', 'u', 'n', '/', 'u', 's', 'e')) {
		*user = user_of_path((char *)path, sun_path);
		return *user != NOT_USER;
	}
	if (path[0] == WORD('/', 'r', 'u', 'n', '/', 'd', 'b', 'u'))
		return path[1] == WORD('s', '/', 's', 'y', 's', 't', 'e', 'm') &&
		       path[2] == WORD('_', 'b', 'u', 's', '_', 's', 'o', 'c') &&
		       path[3] == WORD('k', 'e', 't', 0, 0, 0, 0, 0);
	if (path[0] == WORD('/', 'r', 'u', 'n', '/', 's', 'y', 's'))
		return path[1] == WORD('t', 'e', 'm', 'd', '/', 'p', 'r', 'i') &&
		       path[2] == WORD('v', 'a', 't', 'e', 0, 0, 0, 0);
	return path[1] == WORD('/', 'd', 'b', 'u', 's', '/', 's', 'y') &&
	       path[2] == WORD('s', 't', 'e', 'm', '_', 'b', 'u', 's') &&
	       path[3] == WORD('_', 's', 'o', 'c', 'k', 'e', 't', 0);
}

/* Set beside a user who answers for somebody in a user namespace. */
#define IN_USER_NS (1ULL << 32)

/* The user who answers for one end of a connection, by what the kernel has noted on the
 * socket of the other: the owner of the outermost user namespace that it was in, else
 * itself. */
__noinline __u64 user_behind(__u64 sock)
{
	const struct cred *cred = BPF_CORE_READ((struct sock *)sock, sk_peer_cred);
	struct user_namespace *ns = BPF_CORE_READ(cred, user_ns);

	if (!cred) /* no stream */
		return NOT_USER;
	if (BPF_CORE_READ(ns, level) > 0)
		return owner_of_outermost((__u64)ns) | IN_USER_NS;
	return BPF_CORE_READ(cred, euid.val);
}

/*
 * True if a listener may be what the path stands for: root, or the user in it. The kernel
 * notes who it was when it began to listen (net/unix/af_unix.c, unix_listen and
 * unix_stream_connect). In a user namespace anybody can be root and have a /run of his
 * own, as containers do. User space judges that.
 */
static __always_inline bool may_listen(__u64 listener, __u64 user)
{
	return listener != NOT_USER && (!listener || listener == user || listener & IN_USER_NS);
}

/* True for an ordinary user: none of the machine's accounts, or somebody in a user
 * namespace. */
static __always_inline bool ordinary_user(__u64 user)
{
	return user >= SYSTEM_UIDS;
}

/* The container that a process is in, by its outermost pid namespace. 0 if that is the
 * machine's. */
static __always_inline __u32 pid_ns_of(struct pid *pid)
{
	struct upid *second;

	if (!BPF_CORE_READ(pid, level))
		return 0;
	second = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
		 bpf_core_type_size(struct upid);
	return BPF_CORE_READ(second, ns, ns.inum);
}

/* The process that began to listen, by its first thread, NULL if it is gone. It is noted on
 * the listening socket, too. */
static __always_inline struct task_struct *listening_task(struct sock *client)
{
	__u64 type = bpf_core_enum_value(enum pid_type, PIDTYPE_TGID);
	struct pid *pid = BPF_CORE_READ(client, sk_peer_pid);
	struct hlist_node *link;

	if (!pid || bpf_probe_read_kernel(&link, sizeof(link),
					   (void *)pid + bpf_core_field_offset(struct pid, tasks) +
						   type * bpf_core_type_size(struct hlist_head)) ||
	    !link)
		return NULL;
	return (void *)link - bpf_core_field_offset(struct task_struct, pid_links) -
	       type * bpf_core_type_size(struct hlist_node);
}

static __always_inline struct process_key listener_of(struct sock *client)
{
	struct task_struct *task = listening_task(client);
	struct process_key none = {};

	return task ? key_of((__u64)task) : none;
}

/* A connection is known by the client's socket. 0 if that is closed. */
static __always_inline __u64 connection_of(struct sock *client)
{
	struct socket *socket = BPF_CORE_READ(client, sk_socket);
	struct socket_alloc *whole = (void *)socket - bpf_core_field_offset(struct socket_alloc, socket);

	return socket ? BPF_CORE_READ(whole, vfs_inode.i_ino) : 0;
}

/* The unix socket that a message is charged to, NULL if it is none. */
static __always_inline struct unix_sock *unix_sender(struct sk_buff *skb)
{
	struct sock *sk = BPF_CORE_READ(skb, sk);

	return sk && BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX ? (void *)sk : NULL;
}

/* A copy into a socket, from its entry to its return: a kretprobe has no arguments. One for
 * a container engine has no from. */
struct copying {
	__u64 skb;
	__u64 from;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, INFLIGHT_MAX);
	__type(key, __u32); /* the thread */
	__type(value, struct copying);
} copies SEC(".maps");

#endif
