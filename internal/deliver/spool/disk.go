package spool

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
)

// The files of a directory. Segments have consecutive numbers.
const (
	segmentName = "%016x.records"
	cursorName  = "cursor"
	lockName    = "lock"
)

// frameHead is the length of a record and its checksum.
const frameHead = 8

// MinSize is the least bound of a Disk: a few records of the largest size.
const MinSize = 1 << 20

// ErrOpenToOthers says that a directory can be read by others.
var ErrOpenToOthers = errors.New("others may read it: chmod 700 it, or name a new directory")

// ErrInUse says that another process uses the directory.
var ErrInUse = errors.New("another process uses it: give each nsblame a directory of its own")

var table = crc32.MakeTable(crc32.Castagnoli)

// Disk is a Queue in a directory. A record is there once Append returns, whatever happens
// to the process; after Sync, whatever happens to the machine. A record may come up again
// after a crash, though it was acknowledged.
type Disk struct {
	mu   sync.Mutex
	root *os.Root
	lock *os.File
	// limit bounds the bytes in all files, segment those in each.
	limit, segment int64
	segments       []*segment
	tail           *os.File // the last one, open to append
	head           int64    // how much of the first one was acknowledged
	headRecords    uint64   // the records before that
	damaged        int64
}

type segment struct {
	number  uint64
	size    int64 // bytes of whole records
	records uint64
}

func (s *segment) name() string { return fmt.Sprintf(segmentName, s.number) }

// OpenDisk opens a directory, and creates it if need be, for so many bytes at most. What
// an earlier process left there waits again.
func OpenDisk(dir string, limit int64) (*Disk, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the spool: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the spool: %w", err)
	}
	d := &Disk{root: root, limit: limit, segment: max(limit/8, MaxRecord+frameHead)}
	if err := d.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("spool %q: %w", dir, err), d.Close())
	}
	return d, nil
}

func (d *Disk) open() error {
	info, err := d.root.Stat(".")
	if err != nil {
		return err
	}
	if !private(info) {
		return ErrOpenToOthers
	}
	if d.lock, err = d.root.OpenFile(lockName, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := lockFile(d.lock); err != nil {
		return err
	}
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		var n uint64
		if _, err := fmt.Sscanf(e.Name(), segmentName, &n); err != nil || e.Name() != fmt.Sprintf(segmentName, n) {
			continue
		}
		d.segments = append(d.segments, &segment{number: n})
	}
	slices.SortFunc(d.segments, func(a, b *segment) int { return strings.Compare(a.name(), b.name()) })
	for _, s := range d.segments {
		if err := d.scan(s); err != nil {
			return err
		}
	}
	return d.resume()
}

// scan finds the whole records of a segment. What follows them was not finished when the
// process or the machine went down, and is cut off.
func (d *Disk) scan(s *segment) error {
	file, err := d.root.OpenFile(s.name(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReader(file)
	for {
		record, err := readFrame(in)
		if err != nil {
			break
		}
		s.size += frameHead + int64(len(record))
		s.records++
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if end > s.size {
		d.damaged += end - s.size
		return file.Truncate(s.size)
	}
	return nil
}

var errFrame = errors.New("not a record")

func readFrame(in io.Reader) ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > MaxRecord {
		return nil, errFrame
	}
	record := make([]byte, n)
	if _, err := io.ReadFull(in, record); err != nil {
		return nil, err
	}
	if crc32.Checksum(record, table) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, errFrame
	}
	return record, nil
}

// resume goes on behind what was acknowledged. Without a cursor that fits, all counts as
// not delivered.
func (d *Disk) resume() error {
	var number uint64
	var at int64
	var records uint64
	if text, err := d.root.ReadFile(cursorName); err == nil {
		if _, err := fmt.Sscanf(string(text), "%x %d %d\n", &number, &at, &records); err != nil {
			number = 0
		}
	}
	for len(d.segments) > 0 && d.segments[0].number < number {
		if err := d.dropFirst(); err != nil {
			return err
		}
	}
	if len(d.segments) > 0 && d.segments[0].number == number && at >= 0 && at <= d.segments[0].size && records <= d.segments[0].records {
		d.head, d.headRecords = at, records
	}
	next := number + 1
	if n := len(d.segments); n > 0 {
		next = max(next, d.segments[n-1].number+1)
	}
	if len(d.segments) > 0 && d.head == d.segments[0].size {
		if err := d.dropFirst(); err != nil {
			return err
		}
	}
	if err := d.dropEmpty(); err != nil {
		return err
	}
	return d.roll(next)
}

// roll begins the next segment.
func (d *Disk) roll(number uint64) error {
	s := &segment{number: number}
	file, err := d.root.OpenFile(s.name(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if d.tail != nil {
		err = errors.Join(d.tail.Sync(), d.tail.Close())
	}
	d.tail = file
	d.segments = append(d.segments, s)
	return err
}

// dropFirst removes the first segment.
func (d *Disk) dropFirst() error {
	name := d.segments[0].name()
	d.segments, d.head, d.headRecords = d.segments[1:], 0, 0
	return d.root.Remove(name)
}

// dropEmpty removes the segments of earlier processes that have nothing in them.
func (d *Disk) dropEmpty() error {
	kept := d.segments[:0]
	for _, s := range d.segments {
		if s.size > 0 {
			kept = append(kept, s)
			continue
		}
		if err := d.root.Remove(s.name()); err != nil {
			return err
		}
	}
	d.segments = kept
	return nil
}

func (d *Disk) used() int64 {
	var n int64
	for _, s := range d.segments {
		n += s.size
	}
	return n
}

// Append implements Queue.
func (d *Disk) Append(record []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	need := int64(len(record)) + frameHead
	if len(record) > MaxRecord || d.used()+need > d.limit {
		return ErrFull
	}
	last := d.segments[len(d.segments)-1]
	if last.size > 0 && last.size+need > d.segment {
		if err := d.roll(last.number + 1); err != nil {
			return err
		}
		last = d.segments[len(d.segments)-1]
	}
	frame := make([]byte, frameHead, need)
	binary.LittleEndian.PutUint32(frame, uint32(len(record)))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(record, table))
	if _, err := d.tail.WriteAt(append(frame, record...), last.size); err != nil {
		// the next one goes to the same place, but none may be found behind it
		return errors.Join(err, d.tail.Truncate(last.size))
	}
	last.size += need
	last.records++
	return nil
}

// Peek implements Queue.
func (d *Disk) Peek(records, bytes int) ([][]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out [][]byte
	at := d.head
	for _, s := range d.segments {
		if at < s.size {
			more, err := d.read(s, at, records-len(out), &bytes, len(out) == 0)
			out = append(out, more...)
			if err != nil || len(out) >= records || bytes <= 0 {
				return out, err
			}
		}
		at = 0
	}
	return out, nil
}

// read reads records of a segment. The first counts though it has too many bytes.
func (d *Disk) read(s *segment, at int64, records int, bytes *int, first bool) ([][]byte, error) {
	file, err := d.root.Open(s.name())
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := bufio.NewReader(io.NewSectionReader(file, at, s.size-at))
	var out [][]byte
	for len(out) < records {
		record, err := readFrame(in)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("read %s: %w", s.name(), err)
		}
		if *bytes -= len(record); *bytes < 0 && (!first || len(out) > 0) {
			return out, nil
		}
		out = append(out, record)
	}
	return out, nil
}

// Ack implements Queue.
func (d *Disk) Ack(records int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for left := uint64(records); left > 0; {
		s := d.segments[0]
		if in := s.records - d.headRecords; left >= in && len(d.segments) > 1 {
			left -= in
			if err := d.dropFirst(); err != nil {
				return err
			}
			continue
		}
		if err := d.skip(s, left); err != nil {
			return err
		}
		left = 0
	}
	if s := d.segments[0]; len(d.segments) == 1 && s.size > 0 && d.head == s.size {
		if err := d.roll(s.number + 1); err != nil {
			return err
		}
		if err := d.dropFirst(); err != nil {
			return err
		}
	}
	return d.writeCursor()
}

// skip moves the head over so many records of a segment.
func (d *Disk) skip(s *segment, n uint64) error {
	file, err := d.root.Open(s.name())
	if err != nil {
		return err
	}
	defer file.Close()
	for ; n > 0; n-- {
		var size [4]byte
		if _, err := file.ReadAt(size[:], d.head); err != nil {
			return err
		}
		d.head += frameHead + int64(binary.LittleEndian.Uint32(size[:]))
		d.headRecords++
	}
	return nil
}

// writeCursor puts the new cursor in the place of the old one at once.
func (d *Disk) writeCursor() error {
	const next = cursorName + ".new"
	text := fmt.Sprintf("%x %d %d\n", d.segments[0].number, d.head, d.headRecords)
	if err := d.root.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	return d.root.Rename(next, cursorName)
}

// Len implements Queue.
func (d *Disk) Len() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := -d.headRecords
	for _, s := range d.segments {
		n += s.records
	}
	return n
}

// Damaged returns how many bytes were found that are no record, when it was opened.
func (d *Disk) Damaged() int64 { return d.damaged }

// Sync implements Queue.
func (d *Disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tail.Sync()
}

// Close implements Queue.
func (d *Disk) Close() error {
	var err error
	if d.tail != nil {
		err = errors.Join(d.tail.Sync(), d.tail.Close())
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return errors.Join(err, d.root.Close())
}
