// Staticpod makes a static pod of the DaemonSet among rendered manifests, for a
// kubelet without an API server. It reads the manifests from stdin. A static pod can
// refer to no object: the files of a ConfigMap are written into a directory, which
// the pod mounts from its node, and there is no service account.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

type object = map[string]any

func main() {
	log.SetFlags(0)
	log.SetPrefix("staticpod: ")
	image := flag.String("image", "", "the image, in place of the DaemonSet's")
	out := flag.String("out", "", "a directory that receives pod.yaml, and the files of ConfigMaps")
	at := flag.String("at", "", "where that directory is on the node")
	flag.Parse()
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = write(text, *image, *out, *at)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func write(text []byte, image, out, at string) error {
	var set object
	configs := make(map[string]object)
	for _, part := range bytes.Split(text, []byte("\n---")) {
		var o object
		if err := yaml.Unmarshal(part, &o); err != nil {
			return err
		}
		switch o["kind"] {
		case "DaemonSet":
			set = o
		case "ConfigMap":
			data, _ := o["data"].(object)
			configs[o["metadata"].(object)["name"].(string)] = data
		}
	}
	if set == nil {
		return errors.New("no DaemonSet among the manifests")
	}
	template := set["spec"].(object)["template"].(object)
	meta, spec := template["metadata"].(object), template["spec"].(object)
	meta["name"], meta["namespace"] = "nsblame", set["metadata"].(object)["namespace"]
	delete(spec, "serviceAccountName")
	for _, c := range spec["containers"].([]any) {
		c.(object)["image"], c.(object)["imagePullPolicy"] = image, "Never"
	}
	for _, v := range spec["volumes"].([]any) {
		volume := v.(object)
		ref, ok := volume["configMap"].(object)
		if !ok {
			continue
		}
		name := ref["name"].(string)
		if configs[name] == nil {
			return fmt.Errorf("no ConfigMap %s among the manifests", name)
		}
		if err := files(filepath.Join(out, name), configs[name]); err != nil {
			return err
		}
		delete(volume, "configMap")
		volume["hostPath"] = object{"path": filepath.Join(at, name), "type": "Directory"}
	}
	pod, err := yaml.Marshal(object{"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "pod.yaml"), pod, 0o644)
}

func files(dir string, data object) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range data {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text.(string)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
