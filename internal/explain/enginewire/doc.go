// Package enginewire reads what a client sends to a container engine, of which the
// beginning was captured: a request of HTTP/1.1 to docker, podman, LXD or Incus, and a
// message of gRPC to containerd or CRI-O.
//
// Everything it reads is a client's, and hostile. Of a request only what is returned
// here may leave the process that captured it: a body holds secrets.
package enginewire

import "github.com/nsblame/nsblame/internal/event"

// Request is what was asked for.
type Request struct {
	// Call is what the engine is to do.
	Call event.EngineCall
	// Container is the container that it names: by its id, the beginning of that, or
	// its name. For EngineCreate it is the name that it is to have. Empty if it has
	// none.
	Container string
	// Sandbox is what EngineRunSandbox says of the pod, nil otherwise.
	Sandbox *event.SandboxRequest
	// Cut is set if fields may be missing, for not all was captured or kept.
	Cut bool
}

// Bounds of what is kept, in bytes unless they say otherwise.
const (
	// maxName is that of a name: of a container, a pod or a namespace.
	maxName = 256
	// maxLabels is how many labels of a pod are kept, maxLabel the size of a key and of
	// a value.
	maxLabels, maxLabel = 32, 256
)
