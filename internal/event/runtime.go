package event

// Engine is a program that makes containers when it is asked to over a socket.
type Engine string

// The engines.
const (
	// EngineDocker is dockerd.
	EngineDocker Engine = "docker"
	// EnginePodman is podman's service, which speaks docker's API and its own.
	EnginePodman Engine = "podman"
	// EngineContainerd is containerd, for its own clients and for the kubelet (CRI).
	EngineContainerd Engine = "containerd"
	// EngineCRIO is CRI-O.
	EngineCRIO Engine = "cri-o"
	// EngineLXD and EngineIncus are the daemons of these names.
	EngineLXD   Engine = "lxd"
	EngineIncus Engine = "incus"
)

// EngineRequest is a request to an engine that can make it create a network
// namespace. Process events for the sender and its ancestors come before. Only the
// fields below are taken out of a request: its body can hold secrets.
type EngineRequest struct {
	// Sender is the process that sent it, TID the thread.
	Sender ProcessID
	TID    uint32
	// Engine is what serves the socket, as its executable tells. Listener is the
	// process, with a Process event before. It is the service manager that listens for
	// the engine if nobody else was known then. Engine is what the path says there.
	Engine   Engine
	Listener ProcessID
	// Path is the path of the listening socket.
	Path string
	// Conn is the connection: the inode number of the client's socket.
	Conn uint64
	// Call is what it asks for.
	Call EngineCall
	// Container is the container that it names, by id, by the beginning of an id or
	// by name. For EngineCreate it is the name that the container is to have, empty
	// if the engine chooses one.
	Container string
	// Sandbox is the pod that is asked for, with EngineRunSandbox. Otherwise nil.
	Sandbox *SandboxRequest
	// Unread says why it could not be read, empty if it could.
	Unread Unread
	// Cut is set if it went on beyond what was captured, so that fields may be
	// missing.
	Cut bool
}

func (*EngineRequest) body() {}

// EngineCall is what an engine is asked for.
type EngineCall string

// The calls that lead to a network namespace.
const (
	// EngineCreate makes a container, which does not run yet.
	EngineCreate EngineCall = "create"
	// EngineStart and EngineRestart run a container.
	EngineStart   EngineCall = "start"
	EngineRestart EngineCall = "restart"
	// EngineBuild begins a build: docker's POST /build, /session or /grpc.
	EngineBuild EngineCall = "build"
	// EngineTask is a call to containerd to create the task of a container, by which
	// that gets its namespaces. It is known by its form alone.
	EngineTask EngineCall = "task"
	// EngineRunSandbox is CRI's RunPodSandbox.
	EngineRunSandbox EngineCall = "run_sandbox"
	// EngineUnknown: the request could not be read.
	EngineUnknown EngineCall = "unknown"
)

// SandboxRequest is what RunPodSandbox says of the pod.
type SandboxRequest struct {
	// Namespace, Name and UID are the pod's.
	Namespace, Name, UID string
	// Attempt counts the sandboxes of the pod, from 0.
	Attempt uint32
	// Source is where the kubelet has the pod from: "api", "file" or "http". It is
	// empty where that was not captured.
	Source string
	// Labels are those of the pod that were captured. Those of the kubelet itself are
	// left out. They are in the order of their keys.
	Labels []Label
	// Manifests is the directory that the kubelet has its static pods from, by its own
	// configuration. It is empty for other pods, and where that is not known.
	Manifests string
}

// Label is a label of a pod or a container.
type Label struct{ Key, Value string }

// CNI says that a process which moved into a network namespace is a CNI plugin, by its
// environment. It comes after the NetnsJoin of that process. Of the environment
// nothing but the variables whose names begin with CNI_ is looked at.
type CNI struct {
	// Serial is the creation's, Process the one that moved.
	Serial  uint64
	Process ProcessID
	// Command is CNI_COMMAND ("ADD", "DEL"), ContainerID is CNI_CONTAINERID, and
	// Netns is CNI_NETNS, a path.
	Command, ContainerID, Netns string
	// PodNamespace, PodName, PodUID and Sandbox are from CNI_ARGS, empty where it
	// lacks them.
	PodNamespace, PodName, PodUID, Sandbox string
	// Cut is set if variables may be missing. Where all are, the process may be a plugin.
	Cut bool
}

func (*CNI) body() {}

// ContainerQuestion names a container about which the files of its runtime are looked
// at.
type ContainerQuestion struct {
	// Runtime is the runtime, one of the words of package cgroup. Namespace is that of
	// containerd ("moby", "k8s.io"), where it is known.
	Runtime, Namespace string
	// ID is the runtime's own id.
	ID string
	// Bundle is the directory of the bundle, as the runtime's command line names it,
	// empty where that is not known.
	Bundle string
}

// Container is the answer to a ContainerQuestion: what the runtime's files say. Empty
// fields are not known.
type Container struct {
	// Question is what was asked.
	Question ContainerQuestion
	// Why says in words why there is no answer. Empty if there is one.
	Why string
	// Name is the container's name, Image the name of its image.
	Name, Image string
	// RestartPolicy is docker's or podman's: "no", "always", "unless-stopped",
	// "on-failure".
	RestartPolicy string
	// ComposeProject and ComposeService are from docker compose's labels.
	ComposeProject, ComposeService string
	// PodNamespace, PodName and PodUID are the pod that it belongs to.
	PodNamespace, PodName, PodUID string
	// Sandbox is the id of the pod's sandbox. It is the container's own if it is that.
	Sandbox string
	// NetnsPath is the path of the network namespace that it joins, empty if it gets
	// one of its own.
	NetnsPath string
	// Cut is set if a text was longer than is taken, so that its field is empty.
	Cut bool
}

func (*Container) body() {}
