// Image makes a container image of nsblame's binary and the licences, from nothing
// else, as an archive that docker load, podman load and ctr images import take. The
// same binary gives the same bytes.
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is who runs in the image unless somebody says otherwise. Tracing takes root,
// and kubectl debug has no way to ask for it. Reading a recording takes no rights:
// run that with --user 65532.
const user = "0:0"

// users has names for root and for who has no rights, without a password or a shell.
const users = "root:x:0:0:root:/:/nologin\nnsblame:x:65532:65532:nsblame:/:/nologin\n"

// licences go into the image beside the binary. The kernel half is under GPL-2.0.
var licences = []string{"LICENSE", "NOTICE", "bpf/LICENSE"}

type options struct {
	binary, arch, version, revision, tag, out string
	created                                   time.Time
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("image: ")
	var opt options
	flag.StringVar(&opt.binary, "binary", "", "nsblame's binary for Linux")
	flag.StringVar(&opt.arch, "arch", "amd64", "what it was built for")
	flag.StringVar(&opt.version, "version", "", "its version")
	flag.StringVar(&opt.revision, "revision", "", "the commit that it was built from")
	flag.StringVar(&opt.tag, "tag", "", "the image's name and tag")
	flag.StringVar(&opt.out, "out", "", "the archive")
	flag.Parse()
	if err := opt.dated(os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		log.Fatal(err)
	}
	if err := opt.write(); err != nil {
		log.Fatal(err)
	}
}

// dated takes the date of all that is in the image.
func (o *options) dated(epoch string) error {
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("set SOURCE_DATE_EPOCH to the time of the commit: %w", err)
	}
	o.created = time.Unix(seconds, 0).UTC()
	return nil
}

func (o *options) write() error {
	tag, err := name.NewTag(o.tag)
	if err != nil {
		return err
	}
	files, err := o.files()
	if err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files)), nil
	}, tarball.WithMediaType(types.DockerLayer))
	if err != nil {
		return err
	}
	image, err := mutate.Append(empty.Image, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: o.created}, CreatedBy: "nsblame"}})
	if err != nil {
		return err
	}
	if image, err = mutate.ConfigFile(image, o.config(image)); err != nil {
		return err
	}
	return tarball.WriteToFile(o.out, tag, image)
}

func (o *options) config(image v1.Image) *v1.ConfigFile {
	config, err := image.ConfigFile()
	if err != nil {
		log.Fatal(err)
	}
	config = config.DeepCopy()
	config.Architecture, config.OS = o.arch, "linux"
	config.Created = v1.Time{Time: o.created}
	config.Config = v1.Config{
		Entrypoint: []string{"/nsblame"},
		Cmd:        []string{"--help"},
		User:       user,
		Env:        []string{"PATH=/"},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "nsblame",
			"org.opencontainers.image.description": "who keeps creating network namespaces on a machine, for whom, and why",
			"org.opencontainers.image.source":      "https://github.com/nsblame/nsblame",
			"org.opencontainers.image.version":     o.version,
			"org.opencontainers.image.revision":    o.revision,
		},
	}
	return config
}

// files is the image's only layer.
func (o *options) files() ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(file string, mode int64, text []byte) error {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: file, Mode: mode, Size: int64(len(text)), ModTime: o.created, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := w.Write(text)
		return err
	}
	binary, err := os.ReadFile(o.binary)
	if err != nil {
		return nil, err
	}
	if err := add("nsblame", 0o755, binary); err != nil {
		return nil, err
	}
	if err := add("etc/passwd", 0o644, []byte(users)); err != nil {
		return nil, err
	}
	for _, file := range licences {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := add(path.Join("usr/share/doc/nsblame", file), 0o644, text); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}
