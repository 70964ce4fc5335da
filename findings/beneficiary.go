package findings

// For says for whom a network namespace was made.
type For struct {
	// The container; null if it is none or not known.
	Container *RuntimeContainer `json:"container"`
	// The pod; null if it is none or not known.
	Pod            *Pod   `json:"pod"`
	Evidence       Text   `json:"evidence"`
	EvidenceBase64 []byte `json:"evidence_base64,omitempty"`
	// Why nothing is known, or why the evidence is no better.
	Why       *Text  `json:"why,omitempty"`
	WhyBase64 []byte `json:"why_base64,omitempty"`
	// The reason as a code, where it is one of nsblame's own.
	WhyCode Text `json:"why_code,omitempty"`
}

// RuntimeContainer is a container as its runtime knows it; null stands for what
// isn't known.
type RuntimeContainer struct {
	ID            *Text  `json:"id"`
	IDBase64      []byte `json:"id_base64,omitempty"`
	Runtime       *Text  `json:"runtime"`
	RuntimeBase64 []byte `json:"runtime_base64,omitempty"`
	// The namespace of containerd.
	Namespace       *Text  `json:"namespace"`
	NamespaceBase64 []byte `json:"namespace_base64,omitempty"`
	Name            *Text  `json:"name"`
	NameBase64      []byte `json:"name_base64,omitempty"`
	// The name of its image.
	Image               *Text  `json:"image"`
	ImageBase64         []byte `json:"image_base64,omitempty"`
	RestartPolicy       *Text  `json:"restart_policy"`
	RestartPolicyBase64 []byte `json:"restart_policy_base64,omitempty"`
	// Those of docker compose.
	Labels []Label `json:"labels"`
}

// Pod is a pod of Kubernetes; null stands for what isn't known.
type Pod struct {
	Namespace       *Text  `json:"namespace"`
	NamespaceBase64 []byte `json:"namespace_base64,omitempty"`
	Name            *Text  `json:"name"`
	NameBase64      []byte `json:"name_base64,omitempty"`
	UID             *Text  `json:"uid"`
	UIDBase64       []byte `json:"uid_base64,omitempty"`
	// How many sandboxes the pod had before.
	Attempt *uint32 `json:"attempt"`
	// Where the kubelet has the pod from: api, file or http.
	Source       *Text  `json:"source"`
	SourceBase64 []byte `json:"source_base64,omitempty"`
	// The directory of the file that it is from.
	Manifests       *Text     `json:"manifests"`
	ManifestsBase64 []byte    `json:"manifests_base64,omitempty"`
	Labels          []Label   `json:"labels"`
	Workload        *Workload `json:"workload"`
}

// Workload is what a pod belongs to.
type Workload struct {
	// Job, CronJob, ReplicaSet, DaemonSet, StatefulSet or Deployment.
	Kind       Text   `json:"kind"`
	KindBase64 []byte `json:"kind_base64,omitempty"`
	Name       Text   `json:"name"`
	NameBase64 []byte `json:"name_base64,omitempty"`
	// claimed where labels name it, inferred where names tell.
	Evidence       Text   `json:"evidence"`
	EvidenceBase64 []byte `json:"evidence_base64,omitempty"`
}

// Label is a label of a pod or a container.
type Label struct {
	Key         Text   `json:"key"`
	KeyBase64   []byte `json:"key_base64,omitempty"`
	Value       Text   `json:"value"`
	ValueBase64 []byte `json:"value_base64,omitempty"`
}

// NetnsFor is a line: it became known for whom a namespace was made, after its
// creation was printed.
type NetnsFor struct {
	Head
	Moment
	Netns   Netns    `json:"netns"`
	For     *For     `json:"for"`
	Created *Created `json:"created"`
}
