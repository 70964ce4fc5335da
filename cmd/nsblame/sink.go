package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

// sink is a recording on disk: one file, or several that follow each other.
type sink struct {
	writer *recording.Writer
	file   *os.File // nil for stdout
	// name is what the user gave, part the number of the present file from 1.
	name       string
	part       int
	rotateSize uint64 // 0: one file
	rotateKeep uint   // 0: all
	before     uint64 // bytes in earlier files
	names      []string
	tail       *tail
	lost       atomic.Uint64
	// failed is why nothing could be written at all, of a target that endures that.
	failed error
}

var errExists = errors.New("it exists, and a recording is not overwritten: remove it or choose another name")

// createSink begins a recording. Nothing that exists is overwritten.
func createSink(target *recordTarget) (*sink, error) {
	name := target.file
	s := &sink{name: name, rotateSize: target.rotateSize, rotateKeep: target.rotateFiles}
	opt := recording.Options{Codec: target.codec}
	rand.Read(opt.Stream[:]) // never fails
	rand.Read(opt.Sync[:])
	to := target.stdout
	if to == nil {
		to = io.Discard
	}
	if name != "-" {
		if err := s.refuseOld(); err != nil {
			return nil, s.wrap(err)
		}
		to = io.Discard
		if s.failed = s.wrap(s.create()); s.failed == nil {
			to = s.tail
		}
	}
	var err error
	if s.writer, err = recording.NewWriter(to, opt); err != nil && s.failed == nil {
		s.failed = s.wrap(err)
	}
	if s.failed == nil || target.endure != nil && s.writer != nil && outOfRoom(s.failed) {
		return s, nil
	}
	return nil, join(s.failed, s.closeFile())
}

// refuseOld finds files of an earlier set, which would be taken for this one's.
func (s *sink) refuseOld() error {
	if s.rotateSize == 0 {
		return nil
	}
	ext := filepath.Ext(s.name)
	dir, base := filepath.Split(strings.TrimSuffix(s.name, ext))
	entries, err := os.ReadDir(filepath.Clean("./" + dir))
	if filepath.IsAbs(dir) {
		entries, err = os.ReadDir(dir)
	}
	if err != nil {
		return unwrapPath(err)
	}
	for _, e := range entries {
		rest, ok1 := strings.CutPrefix(e.Name(), base+"-")
		digits, ok2 := strings.CutSuffix(rest, ext)
		if ok1 && ok2 && digits != "" && strings.Trim(digits, "0123456789") == "" {
			return fmt.Errorf("%q: %w", e.Name(), errExists)
		}
	}
	return nil
}

// partName is the name of a file: the given one, or with a number before its
// extension.
func (s *sink) partName(n int) string {
	if s.rotateSize == 0 {
		return s.name
	}
	ext := filepath.Ext(s.name)
	return fmt.Sprintf("%s-%06d%s", strings.TrimSuffix(s.name, ext), n, ext)
}

// maxTaken bounds how many numbers of files are passed over because there are
// files with them.
const maxTaken = 1 << 16

// create begins the next file. In a directory of others, somebody may have made a
// file of that name since the start, or a link: then the number is passed over.
func (s *sink) create() error {
	first := s.part + 1
	for part := first; ; part++ {
		file, err := os.OpenFile(s.partName(part), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			if s.part > 0 && part-first < maxTaken {
				continue
			}
			return errExists
		}
		if err != nil {
			return unwrapPath(err)
		}
		s.file, s.tail, s.part = file, &tail{file: file}, part
		s.names = append(s.names, s.partName(part))
		return nil
	}
}

// tail writes to a file. Of a write that fails nothing is left in it, so that
// it ends with a whole block.
type tail struct {
	file *os.File
	good int64
}

func (t *tail) Write(p []byte) (int, error) {
	n, err := t.file.Write(p)
	if err != nil {
		return n, errors.Join(unwrapPath(err), t.file.Truncate(t.good))
	}
	t.good += int64(n)
	return n, nil
}

// Write implements engine.Sink.
func (s *sink) Write(ev event.Event) error {
	if l, ok := ev.Body.(*event.Loss); ok {
		s.lost.Add(l.Count)
	}
	if err := s.writer.Write(ev); err != nil {
		return s.wrap(err)
	}
	if s.rotateSize == 0 {
		return nil
	}
	if _, bytes := s.writer.Written(); bytes-s.before < s.rotateSize {
		return nil
	}
	return s.wrap(s.rotate())
}

// rotate goes on in the next file, and removes the oldest.
func (s *sink) rotate() error {
	old := s.file
	_, s.before = s.writer.Written()
	if err := s.create(); err != nil {
		return err
	}
	if err := s.writer.Continue(s.tail); err != nil {
		// nothing is in the new one
		return join(join(err, old.Close()), s.discard())
	}
	if err := join(old.Sync(), old.Close()); err != nil {
		return err
	}
	return s.prune()
}

// prune removes the oldest files beyond the number that is kept.
func (s *sink) prune() error {
	for s.rotateKeep > 0 && len(s.names) > int(s.rotateKeep) {
		if err := s.dropOldest(); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) dropOldest() error {
	if err := os.Remove(s.names[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.names = slices.Delete(s.names, 0, 1)
	return nil
}

// Flush implements engine.Sink.
func (s *sink) Flush() error { return s.wrap(s.writer.Flush()) }

// Close implements engine.Sink.
func (s *sink) Close() error {
	err := s.writer.Close()
	return s.wrap(join(err, s.closeFile()))
}

func (s *sink) closeFile() error {
	if s.file == nil {
		return nil
	}
	err := join(s.file.Sync(), s.file.Close())
	s.file = nil
	return err
}

func (s *sink) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("recording %q: %w", s.name, err)
}
