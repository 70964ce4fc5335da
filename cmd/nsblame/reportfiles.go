package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

// expand replaces the patterns among the names of files that no shell has expanded.
func expand(names []string) ([]string, error) {
	var list []string
	for _, name := range names {
		found, err := filepath.Glob(name)
		if _, missing := os.Lstat(name); missing == nil || err != nil || !strings.ContainsAny(name, "*?[") {
			found = []string{name}
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("no file is named %q", name)
		}
		list = append(list, found...)
	}
	return list, nil
}

// part is a file of a recording.
type part struct {
	name   string
	number uint64
}

// byRecording sorts files by the recording that they are of, each with its files in order.
// One whose head cannot be read is taken for a recording, and opening it tells why.
func byRecording(names []string) [][]string {
	if len(names) == 1 {
		return [][]string{names}
	}
	var order []string
	of := make(map[string][]part)
	for i, name := range names {
		id, number, err := headOf(name)
		switch {
		case err != nil && i > 0 && len(order) > 0:
			// one that was cut before it had a head follows the file before it
			id = order[len(order)-1]
			last := of[id]
			number = last[len(last)-1].number + 1
			if !errors.Is(err, recording.ErrHead) && !errors.Is(err, recording.ErrNotRecording) {
				id, number = name, 0
			}
		case err != nil:
			id = name
		}
		if of[id] == nil {
			order = append(order, id)
		}
		of[id] = append(of[id], part{name, number})
	}
	var list [][]string
	for _, id := range order {
		parts := of[id]
		slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.number, b.number) })
		var files []string
		for i, p := range parts {
			if i > 0 && p.number == parts[i-1].number && p.name == parts[i-1].name {
				continue // named twice
			}
			files = append(files, p.name)
		}
		list = append(list, files)
	}
	return list
}

// headOf tells which recording a file is of, and its place in that.
func headOf(name string) (id string, number uint64, err error) {
	file, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = join(err, file.Close()) }()
	r, err := recording.NewReader(file)
	if err != nil {
		return "", 0, err
	}
	defer r.Close()
	id, number = r.Stream()
	return id, number, nil
}

// endOf is when a recording ends, in the zone of its machine.
func endOf(ctx context.Context, files []string) (end time.Time, err error) {
	src, err := openRecorded(ctx, files, false, nil, io.Discard)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { err = join(err, src.Close()) }()
	var boot uint64
	var offset int64
	zone := time.UTC
	for {
		ev, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return time.Unix(0, int64(boot)+offset).In(zone), nil
		}
		if err != nil {
			return time.Time{}, err
		}
		boot = max(boot, ev.BootNS)
		switch b := ev.Body.(type) {
		case *event.Host:
			offset, zone = b.ClockOffsetNS, time.FixedZone("", b.UTCOffsetSeconds/60%(24*60)*60)
		case *event.Clock:
			offset = b.OffsetNS
		}
	}
}
