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

/* True if the path that a socket is bound to begins as that of a bus, which next to none
 * does. */
static __always_inline bool may_be_bus(struct unix_address *addr)
{
	__u64 path;

	return addr && !bpf_probe_read_kernel(&path, sizeof(path), (void *)addr + SUN_PATH) &&
	       (path == WORD('/', 'r', 'u', 'n', '/', 'd', 'b', 'u') ||
		path == WORD('/', 'v', 'a', 'r', '/', 'r', 'u', 'n') ||
		path == WORD('/', 'r', 'u', 'n', '/', 's', 'y', 's') ||
		path == WORD('/', 'r', 'u', 'n', '/', 'u', 's', 'e'));
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

/*
 * True if whoever listens may be what the path stands for: root, or the user in it.
 * The kernel notes on the client's socket who it was when it began to listen
 * (net/unix/af_unix.c, unix_listen and unix_stream_connect). In a user namespace
 * anybody can be root and have a /run of his own, as containers do. User space judges
 * that.
 */
static __always_inline bool may_listen(struct sock *client, __u64 user)
{
	const struct cred *cred = BPF_CORE_READ(client, sk_peer_cred);
	__u32 uid = BPF_CORE_READ(cred, euid.val);

	if (!cred) /* no stream */
		return false;
	return !uid || uid == user || BPF_CORE_READ(cred, user_ns, level) > 0;
}

/* The user who answers for the listener: the owner of the outermost user namespace
 * that it was in, else itself. */
static __always_inline __u32 listener_owner(struct sock *client)
{
	const struct cred *cred = BPF_CORE_READ(client, sk_peer_cred);
	struct user_namespace *ns = BPF_CORE_READ(cred, user_ns);

	return BPF_CORE_READ(ns, level) > 0 ? owner_of_outermost(untyped(ns)) : BPF_CORE_READ(cred, euid.val);
}

/* True if the listener is the machine's root, outside of any container: its service
 * manager or its bus, or what root runs in their place. owner is the listener's. */
static __always_inline bool is_machines(struct sock *client, __u32 owner)
{
	return !owner && !BPF_CORE_READ(client, sk_peer_pid, level);
}

/* True if an ordinary user has connected: none of the machine's accounts, or somebody in
 * a user namespace. The kernel notes on the bus's socket who it was. */
static __always_inline bool ordinary_user(struct sock *client)
{
	struct sock *accepted = (void *)BPF_CORE_READ((struct unix_sock *)client, peer);
	const struct cred *cred = BPF_CORE_READ(accepted, sk_peer_cred);

	return !cred || BPF_CORE_READ(cred, euid.val) >= SYSTEM_UIDS ||
	       BPF_CORE_READ(cred, user_ns, level) > 0;
}

/* The process that began to listen, zero if it is gone. */
static __always_inline struct process_key listener_of(struct sock *client)
{
	__u64 type = bpf_core_enum_value(enum pid_type, PIDTYPE_TGID);
	struct pid *pid = BPF_CORE_READ(client, sk_peer_pid);
	struct process_key none = {};
	struct hlist_node *link;

	if (!pid || bpf_probe_read_kernel(&link, sizeof(link),
					   (void *)pid + bpf_core_field_offset(struct pid, tasks) +
						   type * bpf_core_type_size(struct hlist_head)) ||
	    !link)
		return none;
	return process_key((void *)link - bpf_core_field_offset(struct task_struct, pid_links) -
			   type * bpf_core_type_size(struct hlist_node));
}

/* A connection is known by the client's socket. 0 if that is closed. */
static __always_inline __u64 connection_of(struct sock *client)
{
	struct socket *socket = BPF_CORE_READ(client, sk_socket);
	struct socket_alloc *whole = (void *)socket - bpf_core_field_offset(struct socket_alloc, socket);

	return socket ? BPF_CORE_READ(whole, vfs_inode.i_ino) : 0;
}

#endif
