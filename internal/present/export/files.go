package export

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// What is open and held at once, however many machines and days there are.
const (
	// maxOpen bounds the files that are written at once. Beyond it the one that was
	// written to longest ago is ended, and its partition gets another one.
	maxOpen = 32
	// maxHeld bounds the rows that wait for their row group or block, in bytes.
	maxHeld = 48 << 20
	// maxFiles bounds the files of a recording, whose clock may have jumped about.
	maxFiles = 20_000
)

// Errors that end an export.
var (
	// ErrExported says that the recording is in the directory already.
	ErrExported = errors.New("the recording was exported to this directory before: its rows would be there twice")
	// ErrTooManyFiles says that a recording claims to be of too many days.
	ErrTooManyFiles = errors.New("the recording makes too many files: its clock jumps about. Choose a time by --since and --until")
)

// Options say where an export goes, and in which form.
type Options struct {
	// Dir is the directory that has a directory for each table.
	Dir string
	// Format is the form of the files.
	Format Format
	// Existing says what is done with files of the same recording.
	Existing Existing
}

// Existing says what is done with files of the same recording that are there.
type Existing int

const (
	// Refuse leaves them and fails.
	Refuse Existing = iota
	// Replace removes them once the new ones are whole.
	Replace
)

// file is a file that rows are written to.
type file struct {
	table table
	tmp   string
	name  string
	file  *os.File
	rows  encoder
	used  uint64
}

// files are those of one recording.
type files struct {
	opt    Options
	prefix string
	open   map[openKey]*file
	done   []*file
	old    []string // those of an earlier export
	count  map[openKey]int
	clock  uint64
	held   int
}

type openKey struct {
	table table
	partition
}

var isID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Begin begins to export a recording. id is what all its files have in common, part the
// number of the first one that is read. Commit or Abort ends it.
func Begin(opt Options, id string, part uint64) (*Recording, error) {
	if !isID.MatchString(id) {
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:16])
	}
	f := &files{opt: opt, prefix: fmt.Sprintf("part-%s-%06d-", id, part), open: make(map[openKey]*file), count: make(map[openKey]int)}
	var err error
	if f.old, err = f.existing(); err != nil {
		return nil, err
	}
	if len(f.old) > 0 && opt.Existing == Refuse {
		return nil, fmt.Errorf("%q: %w", f.old[0], ErrExported)
	}
	return &Recording{
		files: f, verbatim: opt.Format.verbatim(), host: host{recording: id}, causes: make(map[causeKey]*causeRow),
	}, nil
}

// existing finds the files of an earlier export of the recording.
func (f *files) existing() ([]string, error) {
	var list []string
	for i := range tables {
		found, err := fs.Glob(os.DirFS(f.opt.Dir), tables[i].Name+"/host=*/day=*/"+f.prefix+"*."+string(f.opt.Format))
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			list = append(list, filepath.Join(f.opt.Dir, filepath.FromSlash(name)))
		}
	}
	return list, nil
}

// write adds a row to its partition.
func (f *files) write(t table, to partition, row []value) error {
	out, err := f.file(openKey{t, to})
	if err != nil {
		return err
	}
	f.clock++
	out.used = f.clock
	before := out.rows.held()
	if err := out.rows.write(row); err != nil {
		return fmt.Errorf("write %q: %w", out.tmp, err)
	}
	f.held += out.rows.held() - before
	if f.held > maxHeld {
		return f.relieve()
	}
	return nil
}

// complete begins a file of each table that has none, so that a query of a table
// without rows finds its columns.
func (f *files) complete(to partition) error {
	var has [tableCount]bool
	for key := range f.count {
		has[key.table] = true
	}
	for t := range tableCount {
		if has[t] {
			continue
		}
		if _, err := f.file(openKey{t, to}); err != nil {
			return err
		}
	}
	return nil
}

// relieve writes what the largest holder holds.
func (f *files) relieve() error {
	var largest *file
	for _, o := range f.open {
		if largest == nil || o.rows.held() > largest.rows.held() {
			largest = o
		}
	}
	f.held -= largest.rows.held()
	err := largest.rows.flush()
	f.held += largest.rows.held()
	return err
}

// file is the open file of a partition.
func (f *files) file(key openKey) (*file, error) {
	if out := f.open[key]; out != nil {
		return out, nil
	}
	if len(f.open) >= maxOpen {
		if err := f.endOldest(); err != nil {
			return nil, err
		}
	}
	if len(f.done) >= maxFiles {
		return nil, ErrTooManyFiles
	}
	dir := filepath.Join(f.opt.Dir, tables[key.table].Name, "host="+key.host, "day="+key.day)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	base := fmt.Sprintf("%s%d.%s", f.prefix, f.count[key], f.opt.Format)
	f.count[key]++
	out := &file{table: key.table, name: filepath.Join(dir, base), tmp: filepath.Join(dir, "."+base+".tmp")}
	// what a killed export left is of no use to anybody
	if err := os.Remove(out.tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var err error
	if out.file, err = os.OpenFile(out.tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	f.open[key] = out
	out.rows, err = f.opt.Format.encoder(out.file, &tables[key.table])
	return out, err
}

// endOldest ends the file that was written to longest ago.
func (f *files) endOldest() error {
	var oldest openKey
	for key, o := range f.open {
		if f.open[oldest] == nil || o.used < f.open[oldest].used {
			oldest = key
		}
	}
	return f.end(oldest)
}

// end ends a file. It has its name after Commit.
func (f *files) end(key openKey) error {
	out := f.open[key]
	delete(f.open, key)
	f.done = append(f.done, out)
	f.held -= out.rows.held()
	err := out.rows.close()
	if err == nil {
		err = out.file.Sync()
	}
	if closed := out.file.Close(); err == nil {
		err = closed
	}
	out.file, out.rows = nil, nil
	return err
}

// Commit ends the files and gives them their names. Before it, no reader sees any of
// them. The row of recordings comes last.
func (r *Recording) Commit() error {
	f := r.files
	for key := range f.open {
		if err := f.end(key); err != nil {
			r.Abort()
			return err
		}
	}
	keep := make(map[string]bool)
	for t := range tableCount {
		for _, out := range f.done {
			if out.table != t {
				continue
			}
			if err := os.Rename(out.tmp, out.name); err != nil {
				r.Abort()
				return err
			}
			keep[out.name] = true
		}
	}
	for _, name := range f.old {
		if keep[name] {
			continue
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f.done = nil
	return nil
}

// Abort removes what was written and has no name yet.
func (r *Recording) Abort() {
	f := r.files
	for _, out := range f.open {
		_ = out.file.Close() // it is removed
		f.done = append(f.done, out)
	}
	for _, out := range f.done {
		_ = os.Remove(out.tmp) // it may have its name already
	}
	clear(f.open)
	f.done = nil
}

// Files counts the files that were begun.
func (r *Recording) Files() int { return len(r.files.open) + len(r.files.done) }
