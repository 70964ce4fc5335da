/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The records in the ring buffer, and the identities that they are made of.
 * bpf2go generates the Go side from the BTF of these declarations, so there is no
 * second copy to keep in step.
 *
 * boot_ns is when that happened which a record is about. Where the record is made later,
 * it has sent_ns, which is no earlier than the records of what it refers to.
 *
 * No structure has padding. So no byte of kernel memory reaches user space unless a
 * program put it there.
 */
#ifndef NSBLAME_WIRE_H
#define NSBLAME_WIRE_H

#include "kernel.h"

enum record_kind {
	REC_PROCESS = 1,
	REC_PROGRAM,
	REC_CGROUP,
	REC_FORGET,
	REC_CREATE,
	REC_CHILD,
	REC_EXEC,
	REC_EXIT,
	REC_BUS,
	REC_RELEASE,
	REC_FREE,
	REC_JOIN,
	REC_LEAVE,
	REC_COST,
	REC_MODULE,
	REC_PERNET_INIT,
	REC_CNI,
	REC_ENGINE,
	REC_CONNECT,
};

/* Limits that user space must know, or must match. */
enum limit {
	/* A chain of parents longer than this is cut, and says so. */
	DEPTH_MAX = 128,
	/* Creations that are followed at once. */
	INFLIGHT_MAX = 4096,
	/* Joins of one namespace that are reported, further ones are counted. */
	JOINS_REPORTED = 64,
	/* Calls of one process to one name that are reported: as many as user space
	 * keeps, and one more. Further ones are reported once in CALL_AGAIN_NS. */
	CALLS_REPORTED = 17,
	CALL_AGAIN_NS = 100 * 1000 * 1000,
	/* Paths of container engines' sockets. */
	ENGINE_SOCKETS = 64,
};

/* A process for as long as the machine runs: (tgid, leader's start_boottime). */
struct process_key {
	__u64 start_ns;
	__u32 pid;
	__u32 pad;
};

/* A program image: the process that called exec, and the ordinal of that exec.
 * exec 0 is what the process ran when it was first met. */
struct program_key {
	struct process_key process;
	__u32 exec;
	__u32 pad;
};

/* Who answers for a process (see owner.h). */
struct owner {
	__u32 uid;
	__u32 pid_ns; /* inode number, 0 if the owner is not known */
};

enum process_flags {
	PROCESS_PREEXISTING = 1 << 0, /* parent read from real_parent, not seen at fork */
	PROCESS_CUT = 1 << 1,	  /* its ancestors are not kept */
	PROCESS_EXITED = 1 << 2,
};

struct process_record {
	__u32 kind;
	__u32 flags;
	__u64 boot_ns;
	struct process_key key;
	struct process_key parent;
	struct program_key program;
	__u64 cgroup;
	__u64 exit_ns;
	__u32 exit_code;
	__u32 uid;
	struct owner owner;
	char comm[TASK_COMM_LEN];
};

/* How much of a command line is kept in the kernel. */
#define ARGV_MAX 1024

/*
 * Paths are kept as their components, the last one first, each ended by NUL. That
 * is the order of a walk from a leaf to its root. User space turns them round. A
 * component can start anywhere below the bound, and has at most 255 bytes
 * (NAME_MAX) and its NUL.
 */
#define COMPONENT_MAX 256
#define EXE_STARTS 256
#define EXE_MAX (EXE_STARTS + COMPONENT_MAX)
#define CGROUP_STARTS 512
#define CGROUP_MAX (CGROUP_STARTS + COMPONENT_MAX)

enum program_flags {
	PROGRAM_ARGV_CUT = 1 << 0,
	PROGRAM_ARGV_UNREAD = 1 << 1,
	PROGRAM_EXE_CUT = 1 << 2,
};

struct program_record {
	__u32 kind;
	__u32 flags;
	__u64 boot_ns;
	struct program_key key;
	__u32 argv_len; /* bytes of argv that are filled, ended by NUL each */
	__u32 exe_len;	/* bytes of exe that are filled */
	__u8 argv[ARGV_MAX];
	__u8 exe[EXE_MAX];
};

struct cgroup_record {
	__u32 kind;
	__u32 cut;
	__u64 boot_ns;
	__u64 id;
	__u32 len;
	/* How many bytes of path are names in a directory that is not root's: of the
	 * outermost one, which belongs to delegated_uid. */
	__u32 delegated;
	__u32 delegated_uid;
	__u32 pad;
	__u8 path[CGROUP_MAX];
};

/* Nothing will refer to these any more. A zero pid or id stands for none. */
struct forget_record {
	__u32 kind;
	__u32 pad;
	__u64 boot_ns;
	struct process_key process;
	struct program_key program;
	__u64 cgroup;
};

enum create_call {
	CALL_UNKNOWN,
	CALL_UNSHARE,
	CALL_CLONE,
};

enum create_flags {
	CREATE_ENTRY_MISSED = 1 << 0,
	CREATE_CONNTRACK = 1 << 1,
	CREATE_IPVS = 1 << 2,
	CREATE_IPVS_FIGURES = 1 << 3,
	CREATE_CONNTRACK_OPS = 1 << 4, /* timed by ops_init, not by its own probe */
	CREATE_IPVS_OPS = 1 << 5,
};

struct create_record {
	__u32 kind;
	__u32 flags;
	__u64 boot_ns; /* when the call began */
	__u64 serial;
	struct process_key creator;
	__u64 cgroup;
	__u64 cookie;
	__u64 duration_ns;
	__u64 conntrack_ns;
	__u64 ipvs_ns;
	__s32 ipvs_gen;
	__u32 ipvs_size;
	__u32 tid;
	__u32 uid;
	__u32 inum;
	__u32 parent_inum;
	__u32 error; /* positive errno, 0 for success */
	__u32 call;
	__u32 ancestors_lost;
	__u32 pad;
	__u64 sent_ns;
	char comm[TASK_COMM_LEN];
};

struct child_record {
	__u32 kind;
	__u32 pad;
	__u64 boot_ns;
	__u64 serial;
	struct process_key child;
};

/* REC_EXEC and REC_EXIT: what became of a process that is watched. */
struct followup_record {
	__u32 kind;
	__u32 pad;
	__u64 boot_ns;
	struct process_key process;
	__u64 serial; /* of an exec: the namespace that it was called in, 0 unless the
			 process made or joined it and its creation was seen */
};

/* The kind of a namespace's last reference. */
enum held {
	HELD_UNKNOWN,
	HELD_PROCESS, /* a process that was in it */
	HELD_FILE,    /* in nsfs: an open file, or a mount if no probe tells */
	HELD_MOUNT,
	HELD_CLONE, /* a clone that failed after it made the namespace */
};

enum release_flags {
	RELEASE_EXITING = 1 << 0, /* by a thread that ends */
};

/* The last reference to a namespace was dropped. serial and created_ns are 0
 * if its creation was not seen. by is zero if no process did it. */
struct release_record {
	__u32 kind;
	__u32 flags;
	__u64 boot_ns;
	__u64 serial;
	__u64 created_ns;
	__u64 cookie;
	__u64 sent_ns;
	struct process_key by;
	__u32 inum;
	__u32 tid;
	__u32 held;
	__u32 joins; /* how often it was joined */
	char comm[TASK_COMM_LEN];
};

/* Its teardown is finished. */
struct free_record {
	__u32 kind;
	__u32 inum;
	__u64 boot_ns;
	__u64 serial;
	__u64 created_ns;
	__u64 cookie;
	__u64 released_ns;
	__u64 wait_ns;
	__u64 duration_ns;
};

/* How a task came into a namespace. */
enum join_how {
	JOIN_SETNS,
	JOIN_FORK, /* by a process that is in it */
};

struct join_record {
	__u32 kind;
	__u32 how;
	__u64 boot_ns;
	__u64 serial;
	__u64 created_ns;
	__u64 cookie;
	struct process_key process;
	__u32 inum;
	__u32 tid;
	__u32 ordinal; /* of this join, 1 is the first */
	__u32 pad;
	char comm[TASK_COMM_LEN];
};

enum cni_flags {
	CNI_CUT = 1 << 0, /* a value, or variables, may be missing */
};

/* A process that has moved into a namespace is a CNI plugin, by its environment: the
 * values of these variables, each ended by NUL. With CNI_CUT and none of them, it may be
 * one. It follows the record of its join. */
struct cni_record {
	__u32 kind;
	__u32 flags;
	__u64 boot_ns;
	__u64 serial;
	struct process_key process;
	char command[16];
	char container[128];
	char netns[128];
	char args[640];
};

enum leave_flags {
	LEAVE_ENDING = 1 << 0, /* the thread ends */
};

struct leave_record {
	__u32 kind;
	__u32 flags;
	__u64 boot_ns;
	__u64 serial;
	struct process_key process;
	__u32 tid;
	__u32 pad;
};

/* One run of ops_init: the addresses of the function that it called, 0 for none,
 * and of the structure that registers it. User space turns them into names. */
struct cost_op {
	__u64 init;
	__u64 ops;
	__u64 duration_ns;
};

/* How many of them are listed of one creation. Some 95 are usual. */
#define COST_OPS 256

/* What a creation cost. It precedes the record of the creation, which has the same
 * thread and time. Only the ops that are filled are sent. */
struct cost_record {
	__u32 kind;
	__u32 tid;
	__u64 boot_ns;
	__u64 call_ns; /* boot_ns of the creation's record */
	__u64 lock_ns;
	__u64 modules_removed;
	__u64 unlisted_ns;
	__u32 unlisted;
	__u32 n;
	struct cost_op op[COST_OPS];
};

/* A module is about to run its init function, or was unloaded. */
struct module_record {
	__u32 kind;
	__u32 unloaded;
	__u64 boot_ns;
	char module[MODULE_NAME];
};

/* A symbol and the name of its module. */
#define SYMBOL_MAX 128

/* A module was loaded and had all existing namespaces initialised. */
struct pernet_init_record {
	__u32 kind;
	__u32 error; /* positive errno that the last one failed with, 0 for success */
	__u64 boot_ns; /* when the first one began */
	__u64 sent_ns;
	__u64 duration_ns;
	__u64 init; /* address of the subsystem's function, 0 for none */
	struct process_key by;
	__u32 tid;
	__u32 namespaces;
	__u32 unfinished; /* namespaces whose initialisation was not seen to end */
	__u32 ancestors_lost;
	char comm[TASK_COMM_LEN];
	char module[MODULE_NAME];
	char op[SYMBOL_MAX]; /* of init: "symbol" or "symbol [module]", empty if not known */
};

/* How much is kept of a bus message. */
#define BUS_DATA 1024
#define BUS_PATH 48

enum bus_flags {
	BUS_TO = 1 << 0, /* sent to the socket at path, not from it */
};

/* Why what was sent to a bus was not read. */
enum bus_unread {
	BUS_READ,
	BUS_SPLICED,	 /* pages were handed over that the sender can still change */
	BUS_OUT_OF_STEP, /* where a message begins is not known */
	BUS_TOO_MANY,	 /* more messages at once than are looked at */
};

struct bus_record {
	__u32 kind;
	__u32 flags;
	__u64 boot_ns;
	struct process_key sender;   /* zero if a thread of the kernel sent it */
	struct process_key listener; /* zero if it is gone */
	__u64 bus;  /* the address that the listening socket is bound to: see listener */
	__u64 conn; /* the inode number of the client's socket, 0 if it is closed */
	__u32 tid;
	__u32 size; /* of the message, or of what was not read */
	__u32 len;  /* bytes of data that are filled */
	__u32 peer; /* the process that listened, or that connected */
	__u32 listener_owner; /* the user who answers for the listener */
	__u32 unread;	      /* enum bus_unread */
	char path[BUS_PATH];  /* of the listening socket */
	__u8 data[BUS_DATA];  /* the beginning of one message */
};

/* How much is kept of a request to a container engine. ENGINE_PATH is that of struct
 * sockaddr_un, rounded up. */
#define ENGINE_DATA 2048
#define ENGINE_PATH 112

enum engine_flags {
	ENGINE_GRPC = 1 << 0, /* a message of gRPC, otherwise a request of HTTP/1.1 */
};

/* Of data, only len bytes are sent. */
struct engine_record {
	__u32 kind;
	__u32 flags;
	__u64 boot_ns;
	struct process_key sender;   /* zero if a thread of the kernel sent it */
	struct process_key listener; /* who serves the socket, or listens if that is not known */
	__u64 conn; /* the inode number of the client's socket, 0 if it is closed */
	__u32 tid;
	__u32 unread; /* enum bus_unread */
	__u32 size;   /* of what was sent, or of the message's frame */
	__u32 len;    /* bytes of data that are filled */
	char path[ENGINE_PATH]; /* of the listening socket */
	__u8 data[ENGINE_DATA]; /* the beginning */
};

/* Whose socket somebody connects to. */
enum connect_to {
	CONNECT_UNIT = 1, /* a service manager's, that waits for the first connection */
	CONNECT_ENGINE,	  /* a container engine's, that is not in the table */
};

struct connect_record {
	__u32 kind;
	__u32 to; /* enum connect_to */
	__u64 boot_ns;
	struct process_key sender;   /* zero if a thread of the kernel connects */
	struct process_key listener; /* who began to listen */
	__u32 tid;
	__u32 pad;
	char path[ENGINE_PATH]; /* of the listening socket */
};

/* What was seen and what was lost. Each CPU counts for itself. */
enum counter {
	COUNT_SEEN,	    /* calls of copy_net_ns with CLONE_NEWNET */
	COUNT_LOST_CREATE,  /* no room in the ring buffer, by kind of record */
	COUNT_LOST_FOLLOWUP,
	COUNT_LOST_PROCESS, /* process, program and cgroup records */
	COUNT_LOST_FORGET,
	COUNT_TABLE_FULL,   /* a process that found no room in its map */
	COUNT_PROGRAM_FULL, /* a program image that found no room */
	COUNT_CGROUP_FULL,
	COUNT_INFLIGHT_FULL,
	COUNT_LOST_BUS,
	COUNT_LOST_OTHER_BUS, /* of buses that are not the machine's */
	COUNT_LOST_ENGINE, /* requests to container engines */
	COUNT_LOST_CONNECT, /* connections to socket units */
	COUNT_BUS_UNREAD, /* what a bus sent, and could not be read */
	COUNT_RETURN_MISSED, /* a return of copy_net_ns that the kernel left out */
	COUNT_LOST_ENDING, /* release and free records */
	COUNT_LIFE_FULL,   /* a namespace that found no room in its map */
	COUNT_LOST_COST,   /* cost records, and costs that found no room in their map */
	COUNT_LOST_JOIN,   /* join records, and joins that found no room in their map */
	COUNT_LOST_INIT,   /* module and pernet init records */
	COUNT_INIT_RETURN_MISSED, /* a return of a subsystem's init */
	COUNT_LOADS_FULL,  /* a module, or one of its subsystems, that found no room in its map */
	COUNTERS_ROOM = 32, /* for one CPU, whose counters so share no cache line with another's */
};

#endif
