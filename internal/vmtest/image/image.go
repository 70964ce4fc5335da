// Package image builds the disks that test VMs boot from: a plain Debian with
// its own kernel, and an agent that starts when it is up.
//
// An image is made once and kept in the user's cache directory, or in
// NSBLAME_CACHE, under a hash of its recipe.
package image

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed" // for the scripts
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

//go:embed prepare.sh
var prepareScript []byte

//go:embed customize.sh
var customizeScript []byte

const diskSize = "3G" // sparse: unwritten blocks take no room

// Init is what a guest's kernel starts. It unpacks the archive on the second
// disk, prepares the guest by it, and becomes systemd.
const Init = "/opt/vmtest/init"

// Image is a guest's disk and what boots it.
type Image struct {
	// Disk is a raw ext4 file system, which must not be written to.
	Disk string
	// Kernel is the guest's own kernel.
	Kernel string
	// Initrd is the initrd that goes with it.
	Initrd string
}

// cacheDir returns the directory for what is kept between runs.
func cacheDir() (string, error) {
	if dir := os.Getenv("NSBLAME_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for VM images, set NSBLAME_CACHE: %w", err)
	}
	return filepath.Join(dir, "nsblame"), nil
}

// Get returns the image of a release, which it builds if there is none yet.
// What it does goes to log.
func Get(ctx context.Context, release Release, log io.Writer) (*Image, error) {
	parent, unlock, err := cached(release)
	if err != nil {
		return nil, err
	}
	defer unlock()

	dir := filepath.Join(parent, release.id()+"-"+recipeHash(release))
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := build(ctx, release, dir, log); err != nil {
			return nil, fmt.Errorf("build VM image of %s: %w", release.id(), err)
		}
	}
	return &Image{
		Disk:   filepath.Join(dir, "disk"),
		Kernel: filepath.Join(dir, "vmlinuz"),
		Initrd: filepath.Join(dir, "initrd"),
	}, nil
}

// Kernel returns the kernel of a release for another architecture, just the
// file that boots. It fetches the kernel if there is none yet.
func Kernel(ctx context.Context, release Release, arch string, log io.Writer) (string, error) {
	parent, unlock, err := cached(release)
	if err != nil {
		return "", err
	}
	defer unlock()
	pkg := "linux-image-cloud-" + arch
	kernel := filepath.Join(parent, release.Name+"-"+arch+"-vmlinuz")
	if _, err := os.Stat(kernel); !errors.Is(err, fs.ErrNotExist) {
		return kernel, err
	}
	fmt.Fprintf(log, "fetching the kernel of %s for %s (once)\n", release.Name, arch)
	tmp, err := os.MkdirTemp(parent, ".build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	root := filepath.Join(tmp, "root")
	// Nothing of it is run, because this machine cannot.
	if err := mmdebstrap(ctx, release, root, "--variant=extract", "--architectures="+arch, "--include="+pkg); err != nil {
		return "", err
	}
	if err := extract(root, kernel, kernelFiles); err != nil {
		return "", err
	}
	return kernel, nil
}

// cached returns the directory for images, locked for a release.
func cached(release Release) (parent string, unlock func(), err error) {
	cache, err := cacheDir()
	if err != nil {
		return "", nil, err
	}
	parent = filepath.Join(cache, "images")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", nil, fmt.Errorf("cache for VM images: %w", err)
	}
	unlock, err = lock(filepath.Join(parent, release.id()+".lock"))
	return parent, unlock, err
}

// Cached returns the path in the cache for a program that a recipe makes, locked
// against others that make it too. The program has the last element of name for its own.
func Cached(name string, recipe []byte) (file string, unlock func(), err error) {
	cache, err := cacheDir()
	if err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256(recipe)
	dir := filepath.Join(cache, name+"-"+hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, fmt.Errorf("cache for programs: %w", err)
	}
	unlock, err = lock(filepath.Join(dir, "lock"))
	return filepath.Join(dir, filepath.Base(name)), unlock, err
}

func recipeHash(release Release) string {
	recipe, err := json.Marshal(struct {
		Release            Release
		Packages           []string
		Prepare, Customize []byte
		Disk               string
	}{release, release.packages(), prepareScript, customizeScript, diskSize})
	if err != nil {
		panic(err) // strings and bytes only
	}
	sum := sha256.Sum256(recipe)
	return hex.EncodeToString(sum[:6])
}

// lock takes an exclusive lock that ends with the process at the latest. So of
// two runs at once one builds and the other waits.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock VM images: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock VM images: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

func build(ctx context.Context, release Release, dir string, log io.Writer) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("needs root, for the files of the guest belong to its root")
	}
	for _, tool := range []string{"mmdebstrap", "mke2fs"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: run make deps, or install the packages mmdebstrap and e2fsprogs", err)
		}
	}
	// The temporary directory is a neighbour, because a rename cannot cross
	// file systems.
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".build-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()

	fmt.Fprintf(log, "building the VM image of %s (once, about a minute)\n", release.id())
	root, out := filepath.Join(tmp, "root"), filepath.Join(tmp, "image")
	if err := bootstrap(ctx, release, tmp, root); err != nil {
		return err
	}
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	if err := extractKernel(root, out); err != nil {
		return err
	}
	disk := filepath.Join(out, "disk")
	if err := run(exec.CommandContext(ctx, "mke2fs", "-q", "-t", "ext4", "-d", root, disk, cmp.Or(release.Disk, diskSize))); err != nil {
		return err
	}
	return os.Rename(out, dir)
}

// bootstrap installs the release into root.
func bootstrap(ctx context.Context, release Release, tmp, root string) error {
	hooks := map[string][]byte{
		"prepare": prepareScript, "customize": customizeScript, "variant": []byte("#!/bin/sh\nset -eu\n" + release.Customize),
	}
	for name, script := range hooks {
		if err := os.WriteFile(filepath.Join(tmp, name), script, 0o755); err != nil {
			return err
		}
	}
	return mmdebstrap(ctx, release, root,
		"--variant=minbase",
		"--include="+strings.Join(release.packages(), ","),
		"--essential-hook="+filepath.Join(tmp, "prepare"),
		"--customize-hook="+filepath.Join(tmp, "customize"),
		"--customize-hook="+filepath.Join(tmp, "variant"))
}

// mmdebstrap puts packages of the release into root.
func mmdebstrap(ctx context.Context, release Release, root string, args ...string) error {
	args = append([]string{
		"--mode=root", "--format=directory",
		// An outdated mirror is good enough; its signature counts.
		`--aptopt=Acquire::Check-Valid-Until "false"`,
	}, args...)
	proxies, err := aptProxies(ctx)
	if err != nil {
		return err
	}
	for _, option := range proxies {
		args = append(args, "--aptopt="+option)
	}
	args = append(args, release.Suites[0], root)
	// Without a mirror of Debian's own in the machine's configuration,
	// mmdebstrap has its default.
	mirrors, err := aptMirrors(ctx)
	if err != nil {
		return err
	}
	args = append(args, mirrors.sources(release)...)
	cmd := exec.CommandContext(ctx, "mmdebstrap", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
	return run(cmd)
}

// run runs a command and shows its output only if it fails.
func run(cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, said.Bytes())
	}
	return nil
}

// Where a kernel and its initrd are, the likeliest first.
const (
	kernelFiles = "boot/vmlinuz-* usr/lib/modules/*/vmlinuz lib/modules/*/vmlinuz"
	initrdFiles = "boot/initrd.img-*"
)

// extractKernel copies the guest's kernel and initrd out of its root.
func extractKernel(root, out string) error {
	return errors.Join(
		extract(root, filepath.Join(out, "vmlinuz"), kernelFiles),
		extract(root, filepath.Join(out, "initrd"), initrdFiles),
	)
}

// extract copies the newest file that matches one of the patterns to a path.
// The copy is whole, or does not exist.
func extract(root, path, patterns string) error {
	from, err := newest(root, strings.Fields(patterns))
	if err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".part", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

func newest(root string, patterns []string) (string, error) {
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return slices.Max(found), nil
		}
	}
	return "", fmt.Errorf("the guest has no %s", strings.Join(patterns, " or "))
}
