package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/nsblame/nsblame/internal/present/render"
)

// rereadAfter is how often files are looked at for changes, at most. Tests are less patient.
var rereadAfter = time.Second

// reread is what stands in files, as of now: tokens and certificates are renewed while
// nsblame runs. What cannot be read leaves what was read before.
type reread[T any] struct {
	files []string
	read  func() (T, error)
	// flag is what named the files. said receives what went wrong, each thing once.
	flag string
	said io.Writer

	mu     sync.Mutex
	value  T
	seen   []fs.FileInfo
	looked time.Time
	wrong  string
}

// newReread reads files for the first time.
func newReread[T any](flag string, read func() (T, error), files ...string) (*reread[T], error) {
	r := &reread[T]{files: files, read: read, flag: flag, said: io.Discard}
	var err error
	if r.seen, err = statAll(files); err != nil {
		return nil, err
	}
	r.value, err = read()
	return r, err
}

// get returns what stands in the files. It looks at them once in a while.
func (r *reread[T]) get() T {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.looked) >= rereadAfter {
		r.looked = now
		r.look()
	}
	return r.value
}

// look reads the files if they have changed. What is half written is read again.
func (r *reread[T]) look() {
	seen, err := statAll(r.files)
	if err == nil && sameFiles(seen, r.seen) {
		return
	}
	var value T
	if err == nil {
		value, err = r.read()
	}
	switch {
	case err == nil:
		r.value, r.seen, r.wrong = value, seen, ""
		fmt.Fprintf(r.said, "nsblame: %s: read again\n", r.flag)
	case err.Error() != r.wrong:
		r.wrong = err.Error()
		fmt.Fprintf(r.said, "nsblame: %s: %s; what was read before stays in force\n", r.flag, render.Sentence(r.wrong))
	}
}

func statAll(files []string) (list []fs.FileInfo, err error) {
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		list = append(list, info)
	}
	return list, nil
}

// sameFiles reports whether nothing was changed or put in the place of a file.
func sameFiles(a, b []fs.FileInfo) bool {
	for i := range a {
		if !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()) {
			return false
		}
	}
	return true
}
