package container

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
)

// errMalformed is returned for a file that is not what the runtime writes. It may be
// that it is being written.
var errMalformed = errors.New("it is not what the runtime writes")

// decode takes what it knows out of a file.
func decode(text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return nil
}

// dockerConfig is what is taken of config.v2.json.
type dockerConfig struct {
	ID, Name string
	Config   struct {
		Image  string
		Labels map[string]string
	}
}

// Labels that docker compose gives its containers, and cri-dockerd those of pods.
const (
	composeProject  = "com.docker.compose.project"
	composeService  = "com.docker.compose.service"
	dockerSandbox   = "io.kubernetes.sandbox.id"
	dockerContainer = "io.kubernetes.docker.type"
	podName         = "io.kubernetes.pod.name"
	podNamespace    = "io.kubernetes.pod.namespace"
	podUID          = "io.kubernetes.pod.uid"
)

// parseDocker takes out of docker's config.v2.json what is known of a container.
func parseDocker(text []byte, out *event.Container) error {
	var c dockerConfig
	if err := decode(text, &c); err != nil {
		return err
	}
	if c.ID != out.Question.ID {
		return fmt.Errorf("%w: it is of another container", errMalformed)
	}
	labels := c.Config.Labels
	out.Name, out.Image = strings.TrimPrefix(c.Name, "/"), c.Config.Image
	out.ComposeProject, out.ComposeService = labels[composeProject], labels[composeService]
	// anybody who may run containers can choose labels; that name, too, but not by
	// accident
	if strings.HasPrefix(out.Name, "k8s_") {
		out.PodName, out.PodNamespace, out.PodUID = labels[podName], labels[podNamespace], labels[podUID]
		out.Sandbox = labels[dockerSandbox]
		if labels[dockerContainer] == "podsandbox" {
			out.Sandbox = c.ID
		}
	}
	return nil
}

// parseDockerHost takes out of docker's hostconfig.json when a container is restarted.
// docker writes nothing for one that never is.
func parseDockerHost(text []byte, out *event.Container) error {
	var c struct {
		RestartPolicy struct{ Name string }
	}
	if err := decode(text, &c); err != nil {
		return err
	}
	if out.RestartPolicy = c.RestartPolicy.Name; out.RestartPolicy == "" {
		out.RestartPolicy = "no"
	}
	return nil
}

// bundle is what is taken of an OCI bundle's config.json
// (github.com/opencontainers/runtime-spec, config.md).
type bundle struct {
	Annotations map[string]string `json:"annotations"`
	Linux       struct {
		Namespaces []struct{ Type, Path string } `json:"namespaces"`
	} `json:"linux"`
}

// author is whose annotations a bundle has.
type author int

const (
	// byContainerd: containerd's CRI plugin, its namespace k8s.io.
	byContainerd author = iota
	// byClient: another client of containerd, who can annotate what it likes.
	byClient
	// byStorage: podman or CRI-O. It says which itself.
	byStorage
)

// parseBundle takes out of a bundle's config.json what is known of a container.
func parseBundle(text []byte, by author, out *event.Container) error {
	var b bundle
	if err := decode(text, &b); err != nil {
		return err
	}
	for _, ns := range b.Linux.Namespaces {
		if ns.Type == "network" {
			out.NetnsPath = ns.Path
		}
	}
	a := b.Annotations
	switch {
	case by == byContainerd:
		containerdPod(a, out)
	case by == byClient:
		out.Name = a["nerdctl/name"]
	case a["io.container.manager"] == "cri-o":
		crioPod(a, out)
	}
	return nil
}

// containerdPod takes the annotations of containerd's CRI plugin (pkg/cri/annotations).
func containerdPod(a map[string]string, out *event.Container) {
	const cri = "io.kubernetes.cri."
	out.Name = a[cri+"container-name"]
	out.PodName, out.PodNamespace, out.PodUID = a[cri+"sandbox-name"], a[cri+"sandbox-namespace"], a[cri+"sandbox-uid"]
	out.Sandbox = a[cri+"sandbox-id"]
	if out.Image = a[cri+"image-name"]; out.Image == "" {
		out.Image = a[cri+"podsandbox.image-name"]
	}
	if a[cri+"container-type"] == "sandbox" {
		out.Sandbox = out.Question.ID
	}
}

// crioPod takes the annotations of CRI-O (pkg/annotations) that nobody else can set.
// Labels are the kubelet's, as JSON in a text.
func crioPod(a map[string]string, out *event.Container) {
	const crio = "io.kubernetes.cri-o."
	var labels map[string]string
	if decode([]byte(a[crio+"Labels"]), &labels) == nil {
		out.PodName, out.PodNamespace, out.PodUID = labels[podName], labels[podNamespace], labels[podUID]
	}
	out.Image, out.Sandbox = a[crio+"ImageName"], a[crio+"SandboxID"]
	if a[crio+"ContainerType"] == "sandbox" {
		out.Sandbox = out.Question.ID
		return
	}
	out.Name = labels["io.kubernetes.container.name"]
}

// stored is what is taken of a row of containers.json, in which containers/storage has
// the containers of podman and CRI-O. The metadata are podman's, in a text.
type stored struct {
	ID       string   `json:"id"`
	Names    []string `json:"names"`
	Metadata string   `json:"metadata"`
}

// parseStorage takes out of containers.json what is known of a container, row by row:
// there can be thousands. found is false if it has no such container.
func parseStorage(text []byte, out *event.Container) (found bool, err error) {
	rows := json.NewDecoder(bytes.NewReader(text))
	if begin, err := rows.Token(); err != nil || begin != json.Delim('[') {
		return false, errMalformed
	}
	for rows.More() {
		var row stored
		if err := rows.Decode(&row); err != nil {
			return false, fmt.Errorf("%w: %w", errMalformed, err)
		}
		if row.ID == out.Question.ID {
			row.into(out)
			return true, nil
		}
	}
	return false, nil
}

func (s *stored) into(out *event.Container) {
	if len(s.Names) > 0 {
		out.Name = s.Names[0]
	}
	var meta struct {
		Image string `json:"image-name"`
	}
	if decode([]byte(s.Metadata), &meta) == nil {
		out.Image = meta.Image
	}
}

// maxText bounds each text of an answer, in bytes. Docker and Kubernetes allow no name
// that is longer, but they allow labels.
const maxText = 1 << 10

// bound leaves out what is too long: the beginning of a name is the name of something
// else.
func bound(c *event.Container) {
	for _, text := range []*string{
		&c.Name, &c.Image, &c.RestartPolicy, &c.ComposeProject, &c.ComposeService,
		&c.PodNamespace, &c.PodName, &c.PodUID, &c.Sandbox, &c.NetnsPath,
	} {
		if len(*text) > maxText {
			*text, c.Cut = "", true
		}
	}
}
