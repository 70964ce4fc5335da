package vmtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/nsblame/nsblame/internal/vmtest/image"
)

// tool returns the path of a program of others for the guest. It is built in its module
// in the directory tools, once for each state of that module, and kept in the cache.
func tool(ctx context.Context, name string, log io.Writer) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "tools", name)
	pkg, err := toolPackage(filepath.Join(module, "go.mod"), name)
	if err != nil {
		return "", err
	}
	recipe, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return "", err
	}
	file, unlock, err := image.Cached(filepath.Join("tools", name), recipe)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	fmt.Fprintf(log, "building %s (once, some minutes)\n", name)
	if err := compileIn(ctx, module, "amd64", "build", "-trimpath", "-ldflags", "-s -w", "-o", file+".part", pkg); err != nil {
		return "", err
	}
	return file, os.Rename(file+".part", file)
}

// toolPackage returns the package of a program that go.mod names as a tool.
func toolPackage(file, name string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range bytes.Lines(data) {
		pkg, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "tool ")
		if ok && path.Base(pkg) == name {
			return pkg, nil
		}
	}
	return "", fmt.Errorf("%s has no tool %s", file, name)
}
