package kernel

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel's types are the same wherever they are had from.
func TestLoadedTypesAreThoseInSysfs(t *testing.T) {
	loaded, err := mapLoaded("vmlinux")
	if errors.Is(err, errNotLoaded) || errors.Is(err, unix.EPERM) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(loaded) }()
	read, err := os.ReadFile("/" + vmlinuxBTF)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(loaded, read) {
		t.Errorf("%d bytes are loaded, %d in sysfs, and they differ", len(loaded), len(read))
	}
	if _, err := mapLoaded("another"); !errors.Is(err, errNotLoaded) {
		t.Errorf("types of another name: %v", err)
	}
}
