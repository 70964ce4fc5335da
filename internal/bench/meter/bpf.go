package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// countRuns has the kernel time all BPF programs until the end is called.
func countRuns() (end func() error, err error) {
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		return nil, err
	}
	return stats.Close, nil
}

// programIDs are the programs that a process holds.
func programIDs(pid int) ([]ebpf.ProgramID, error) {
	fds, err := ownFDs(pid, "prog_id")
	ids := make([]ebpf.ProgramID, 0, len(fds))
	for _, fd := range fds {
		ids = append(ids, ebpf.ProgramID(fd.number("prog_id")))
	}
	return ids, err
}

// gone reports whether the kernel holds none of these programs any more.
func gone(ids []ebpf.ProgramID) (bool, error) {
	for _, id := range ids {
		p, err := ebpf.NewProgramFromID(id)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		return false, p.Close()
	}
	return true, nil
}

// fdinfo are the entries about one file that a process has open.
type fdinfo map[string]string

// ownFDs are the files of a process that have an entry of that name.
func ownFDs(pid int, entry string) ([]fdinfo, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		return nil, err
	}
	var list []fdinfo
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // closed meanwhile
		}
		info := fdinfo{}
		for line := range strings.Lines(string(raw)) {
			if key, value, ok := strings.Cut(line, ":"); ok {
				info[key] = strings.TrimSpace(value)
			}
		}
		if info[entry] != "" {
			list = append(list, info)
		}
	}
	return list, nil
}

func (f fdinfo) number(entry string) uint64 {
	n, _ := strconv.ParseUint(f[entry], 10, 64) // 0 if the kernel does not say
	return n
}

// program is a BPF program and what it has taken.
type program struct {
	id    ebpf.ProgramID
	name  string
	runs  uint64
	spent time.Duration
}

// ownPrograms are those that a process holds.
func ownPrograms(pid int) ([]program, error) {
	fds, err := ownFDs(pid, "prog_type")
	if err != nil {
		return nil, err
	}
	var list []program
	for _, fd := range fds {
		if fd["link_type"] != "" {
			continue // a link, which names its program too
		}
		id := ebpf.ProgramID(fd.number("prog_id"))
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			return nil, err
		}
		info, err := p.Info()
		stats, errStats := p.Stats()
		if err := errors.Join(err, errStats, p.Close()); err != nil {
			return nil, err
		}
		list = append(list, program{id, info.Name, stats.RunCount, stats.Runtime})
	}
	return list, nil
}

// ranBetween are the programs that ran between two looks, with what they took then.
func ranBetween(before, after []program) (ran []program) {
	for _, p := range after {
		for _, b := range before {
			if b.id == p.id {
				p.runs, p.spent = p.runs-b.runs, p.spent-b.spent
			}
		}
		if p.runs > 0 {
			ran = append(ran, p)
		}
	}
	return ran
}

// size is that of a map.
type size struct {
	name  string
	bytes uint64
}

func eachMap(pid int, do func(m *ebpf.Map, info *ebpf.MapInfo, fd fdinfo) error) error {
	fds, err := ownFDs(pid, "map_type")
	if err != nil {
		return err
	}
	for _, fd := range fds {
		m, err := ebpf.NewMapFromID(ebpf.MapID(fd.number("map_id")))
		if err != nil {
			return err
		}
		info, err := m.Info()
		if err == nil {
			err = do(m, info, fd)
		}
		if err := errors.Join(err, m.Close()); err != nil {
			return err
		}
	}
	return nil
}

// ownMaps are those of a process, with the memory that the kernel counts for
// them.
func ownMaps(pid int) (list []size, err error) {
	err = eachMap(pid, func(_ *ebpf.Map, info *ebpf.MapInfo, fd fdinfo) error {
		list = append(list, size{info.Name, fd.number("memlock")})
		return nil
	})
	return list, err
}

// ownEntries counts what is in a process's hash tables.
func ownEntries(pid int) (n int, err error) {
	err = eachMap(pid, func(m *ebpf.Map, info *ebpf.MapInfo, _ fdinfo) error {
		if info.Type != ebpf.Hash {
			return nil
		}
		key, value := make([]byte, info.KeySize), make([]byte, info.ValueSize)
		entries := m.Iterate()
		for entries.Next(&key, &value) {
			n++
		}
		return entries.Err()
	})
	return n, err
}
