package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// readyFile is --ready-file: a file that exists, with the pid in it, while the
// probes are attached. A script can wait for it. Empty means none.
type readyFile string

var errNotRegular = errors.New("it exists and is not a regular file")

// clear removes what an earlier run left behind, so that nobody takes it for
// this one's.
func (f readyFile) clear() error {
	if f == "" {
		return nil
	}
	info, err := os.Lstat(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		// Find out now, not after the probes are attached.
		_, err = os.Stat(filepath.Dir(string(f)))
		return f.wrap(err)
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err == nil {
		err = os.Remove(string(f))
	}
	return f.wrap(err)
}

// announce creates the file. Whoever sees it sees the whole of it.
func (f readyFile) announce() error {
	if f == "" {
		return nil
	}
	return f.wrap(f.write(fmt.Appendf(nil, "%d\n", os.Getpid())))
}

func (f readyFile) write(content []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(string(f)), ".nsblame-ready-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(content)
	// Others may have to read it: a script seldom runs as root.
	if err = join(err, join(tmp.Chmod(0o644), tmp.Close())); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), string(f))
}

// withdraw removes the file.
func (f readyFile) withdraw() error {
	if f == "" {
		return nil
	}
	err := os.Remove(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed by whoever waited for it
	}
	return f.wrap(err)
}

func (f readyFile) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("--ready-file %q: %w", string(f), unwrapPath(err))
}

// unwrapPath drops the path from the error, which names it a second time and
// unquoted.
func unwrapPath(err error) error {
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		return withPath.Err
	}
	return err
}
