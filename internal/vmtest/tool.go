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

// tool returns the path of a program of others for the guest. It is built in that module
// in the directory tools which has it as a tool, once for each state of that module, and
// kept in the cache.
func tool(ctx context.Context, name string, log io.Writer) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	module, pkg, err := findTool(filepath.Join(root, "tools"), name)
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

// findTool returns the module below dir that names a program as its tool, and the
// program's package.
func findTool(dir, name string) (module, pkg string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "go.mod"))
	if err != nil {
		return "", "", err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", "", err
		}
		if pkg := toolPackage(data, name); pkg != "" {
			return filepath.Dir(file), pkg, nil
		}
	}
	return "", "", fmt.Errorf("no module in %s has a tool %s", dir, name)
}

// toolPackage returns the package of a program that the text of a go.mod names as a
// tool, alone or in a block. It is empty if there is none.
func toolPackage(mod []byte, name string) string {
	block := false
	for line := range bytes.Lines(mod) {
		fields := strings.Fields(string(line))
		switch {
		case len(fields) == 0:
			continue
		case fields[0] == ")":
			block = false
			continue
		case fields[0] == "tool" && len(fields) == 2:
			if fields[1] == "(" {
				block = true
				continue
			}
			fields = fields[1:]
		case !block:
			continue
		}
		if path.Base(fields[0]) == name {
			return fields[0]
		}
	}
	return ""
}
