package findings

// ListedNetns is a line of list: a network namespace that exists.
type ListedNetns struct {
	Head
	Moment
	Netns Netns `json:"netns"`
	// It is the machine's own; null if that can't be seen.
	Initial *bool `json:"initial"`
	// Null if nothing tells.
	Age   *Age    `json:"age"`
	Names []Named `json:"names"`
	// Nothing that can be seen holds it; null if nothing was found, but not all could be seen.
	Unheld *bool `json:"unheld"`
	// The kernel's count.
	References *uint64 `json:"references"`
	// The user namespace that owns it; null without the kernel's list.
	Owner *Owner       `json:"owner"`
	Count HolderCounts `json:"count"`
	// The processes that started first. Empty for the initial namespace.
	Processes []FoundProcess `json:"processes"`
	// How many processes are where.
	Places []ListedPlace `json:"places"`
	// Processes for which there is no room in places, or that have no cgroup.
	Elsewhere uint64 `json:"elsewhere"`
	// Files that are open on it, the first ones.
	Files []OpenFile `json:"files"`
	// Sockets in it whose process is elsewhere, the first ones.
	Sockets []Socket `json:"sockets"`
	// Unix sockets in which a message waits that has such a file or socket in it.
	Messages []OpenFile `json:"messages"`
	Mounts   []Mount    `json:"mounts"`
	// The container or pod that it is for, null if nothing tells.
	For *For `json:"for"`
	// Its creation, or null.
	Created *Creation `json:"created"`
	// Why the creation is not known.
	CreatedWhy       *Text  `json:"created_why,omitempty"`
	CreatedWhyBase64 []byte `json:"created_why_base64,omitempty"`
	// The code of that reason.
	CreatedWhyCode Text `json:"created_why_code,omitempty"`
	// What tells that it is this creation: cookie or inum.
	CreatedBy Text `json:"created_by,omitempty"`
	// Nobody is in it.
	Leaked bool `json:"leaked"`
	// The commands that would free it if nobody is in it.
	FreedBy []Argv `json:"freed_by,omitempty"`
	// Why there are none: nothing, runtime, mounts or process hold it.
	FreedWhyCode Text `json:"freed_why_code,omitempty"`
	// Who moved in last, if the recording has that.
	LastUsed *LastUse `json:"last_used,omitempty"`
}

// LastUse is who moved into a namespace last.
type LastUse struct {
	Moment
	PID        uint32 `json:"pid"`
	Comm       Text   `json:"comm"`
	CommBase64 []byte `json:"comm_base64,omitempty"`
}

// Age is how long a namespace has been there.
type Age struct {
	// exact, at_least or inferred.
	Bound Text   `json:"bound"`
	NS    uint64 `json:"ns"`
	// What tells: boot, recording, nsfs, order or process.
	From Text `json:"from"`
	Moment
}

// Named is a name of a namespace.
type Named struct {
	Name       Text   `json:"name"`
	NameBase64 []byte `json:"name_base64,omitempty"`
	// Who gave it: iproute2 or docker.
	By Text `json:"by"`
}

// Owner is the user namespace that owns a network namespace.
type Owner struct {
	UserInum uint32 `json:"user_inum"`
	// The user who made that.
	UID uint32 `json:"uid"`
}

// HolderCounts are all that hold a namespace.
type HolderCounts struct {
	Processes uint64 `json:"processes"`
	Threads   uint64 `json:"threads"`
	Files     uint64 `json:"files"`
	Sockets   uint64 `json:"sockets"`
	Messages  uint64 `json:"messages"`
	// Paths at which it is mounted.
	Mounts uint64 `json:"mounts"`
}

// ListedPlace is a cgroup that has processes in a namespace.
type ListedPlace struct {
	Processes    uint64     `json:"processes"`
	Cgroup       Text       `json:"cgroup"`
	CgroupBase64 []byte     `json:"cgroup_base64,omitempty"`
	Unit         *Unit      `json:"unit"`
	Container    *Container `json:"container"`
}

// OpenFile is a file descriptor of a process.
type OpenFile struct {
	FD      uint32       `json:"fd"`
	Process FoundProcess `json:"process"`
	// It belongs to another unit and container than the processes in the namespace.
	Unrelated bool `json:"unrelated,omitempty"`
}

// Socket is a socket of a process.
type Socket struct {
	FD uint32 `json:"fd"`
	// The address family.
	Family  Text         `json:"family"`
	Ino     uint64       `json:"ino"`
	Process FoundProcess `json:"process"`
	// It belongs to another unit and container than the processes in the namespace.
	Unrelated bool `json:"unrelated,omitempty"`
}

// Mount is a path at which a namespace is mounted.
type Mount struct {
	Path       Text   `json:"path"`
	PathBase64 []byte `json:"path_base64,omitempty"`
	// The mount namespace.
	MountInum uint32 `json:"mount_inum"`
	// It is nsblame's mount namespace.
	Own bool `json:"own"`
	// How many more mount namespaces have it at this path.
	Others uint64 `json:"others"`
	// A process that sees it; null if nsblame does.
	Process *FoundProcess `json:"process"`
}

// ListSummary is the last line of list.
type ListSummary struct {
	Head
	Listed uint64 `json:"listed"`
	// With a process.
	Occupied uint64 `json:"occupied"`
	// Without a process, and held otherwise.
	Held uint64 `json:"held"`
	// Held by nothing visible.
	Unheld uint64 `json:"unheld"`
	// Of which it is not known whether something holds them.
	Unexplained uint64 `json:"unexplained"`
	// Whose creation is known.
	Created    uint64      `json:"created"`
	Incomplete bool        `json:"incomplete"`
	Gaps       ListGaps    `json:"gaps"`
	Recordings []Recording `json:"recordings"`
}

// ListGaps is what list could not see.
type ListGaps struct {
	// Why the kernel's list could not be read; null if it could.
	Kernel       *Text  `json:"kernel"`
	KernelBase64 []byte `json:"kernel_base64,omitempty"`
	// What to do about that.
	Remedy       *Text  `json:"remedy,omitempty"`
	RemedyBase64 []byte `json:"remedy_base64,omitempty"`
	// There are more namespaces than are read of the kernel's list.
	KernelCut bool `json:"kernel_cut"`
	// Processes whose namespace may not be seen.
	Processes uint64 `json:"processes"`
	// Processes whose open files may not be seen.
	Files uint64 `json:"files"`
	// Processes whose mounts may not be seen.
	Mounts uint64 `json:"mounts"`
	// Sockets with more waiting messages than were looked at.
	Messages uint64 `json:"messages"`
	// What to do to see all.
	Rights       *Text  `json:"rights,omitempty"`
	RightsBase64 []byte `json:"rights_base64,omitempty"`
	// Why there may be more processes.
	Hidden       *Text  `json:"hidden"`
	HiddenBase64 []byte `json:"hidden_base64,omitempty"`
	// Things that could not be read.
	Failed uint64 `json:"failed"`
	// Why the first of them could not.
	Why       *Text  `json:"why,omitempty"`
	WhyBase64 []byte `json:"why_base64,omitempty"`
	// Things that were found and are not listed, because too much was found.
	Cut uint64 `json:"cut,omitempty"`
	// Namespaces that came or went meanwhile and are left out.
	Changing uint64 `json:"changing"`
}

// Recording is one in which creations were looked up.
type Recording struct {
	Name       Text   `json:"name"`
	NameBase64 []byte `json:"name_base64,omitempty"`
	Used       bool   `json:"used"`
	// Why it was not used.
	Why       Text   `json:"why,omitempty"`
	WhyBase64 []byte `json:"why_base64,omitempty"`
	// The reason as a code.
	WhyCode     Text   `json:"why_code,omitempty"`
	FromBootNS  uint64 `json:"from_boot_ns"`
	UntilBootNS uint64 `json:"until_boot_ns"`
	// It is still being written.
	GoesOn bool `json:"goes_on"`
	// Parts of it that could not be read.
	Damages uint64 `json:"damages"`
}
