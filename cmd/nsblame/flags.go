package main

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/stream/recording"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

var errNotAllowed = errors.New("not one of the values allowed")

// String returns the value chosen.
func (c *choice) String() string { return c.value }

// Type names the values in the help.
func (c *choice) Type() string { return strings.Join(c.allowed, "|") }

// Set chooses a value.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("%w: %s", errNotAllowed, strings.Join(c.allowed, ", "))
	}
	c.value = s
	return nil
}

// add defines the flag on a command, the values being completed by the shell.
func (c *choice) add(cmd *cobra.Command, name, usage string) { c.addShort(cmd, name, "", usage) }

// addShort is add with a letter that stands for the name.
func (c *choice) addShort(cmd *cobra.Command, name, letter, usage string) {
	cmd.Flags().VarP(c, name, letter, usage)
	complete := cobra.FixedCompletions(c.allowed, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(err) // the flag was defined twice
	}
}

// outputFlag is --output.
type outputFlag struct{ choice }

func newOutputFlag() outputFlag {
	return outputFlag{choice{value: "text", allowed: []string{"text", "json"}}}
}

func (f *outputFlag) add(cmd *cobra.Command) {
	usage := "output format; json has one object a line"
	if slices.Contains(f.allowed, "markdown") {
		usage = "output format; json is one object, markdown is for a ticket, html a page to mail"
	}
	f.addShort(cmd, "output", "o", usage)
}

// newReportOutputFlag is --output for a verb that prints one document.
func newReportOutputFlag() outputFlag {
	return outputFlag{choice{value: "text", allowed: []string{"text", "json", "markdown", "html"}}}
}

func (f *outputFlag) json() bool { return f.value == "json" }

// colorFlag is --color.
type colorFlag struct{ choice }

func newColorFlag() colorFlag {
	return colorFlag{choice{value: "auto", allowed: []string{"auto", "always", "never"}}}
}

func (f *colorFlag) add(cmd *cobra.Command) {
	f.choice.add(cmd, "color", "colour the text; auto: on a terminal, unless NO_COLOR is set or TERM is dumb")
}

// on reports whether text to w is to be coloured. An explicit choice beats
// the environment.
func (f *colorFlag) on(w io.Writer) bool {
	if f.value != "auto" {
		return f.value == "always"
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

// attachFlag is --attach.
type attachFlag struct{ choice }

func newAttachFlag() attachFlag {
	return attachFlag{choice{
		value:   "auto",
		allowed: []string{"auto", "fentry", "kprobe"},
	}}
}

func (f *attachFlag) add(cmd *cobra.Command) {
	f.choice.add(cmd, "attach", "how to attach to kernel functions; auto: fentry, but kprobe where fentry is refused or would miss calls")
}

// byteSize is a flag for the size of a ring buffer: a power of two that is at
// least a page. Other sizes are rounded up.
type byteSize uint32

const (
	minByteSize = 4 << 10
	maxByteSize = 1 << 30
)

var (
	errByteSize      = errors.New("not a number of bytes; K, M and G may follow it, as in 8M")
	errByteSizeRange = errors.New("not between 4K and 1G")
)

// String returns the size with the largest unit that divides it.
func (b *byteSize) String() string {
	for _, unit := range []struct {
		suffix string
		shift  uint
	}{{"G", 30}, {"M", 20}, {"K", 10}} {
		if n := uint32(*b); n != 0 && n%(1<<unit.shift) == 0 {
			return strconv.FormatUint(uint64(n>>unit.shift), 10) + unit.suffix
		}
	}
	return strconv.FormatUint(uint64(*b), 10)
}

// Type names the value in the help.
func (b *byteSize) Type() string { return "size" }

// Set parses "65536", "64K", "8MiB".
func (b *byteSize) Set(s string) error {
	n, err := parseBytes(s)
	if err != nil {
		return err
	}
	if n < minByteSize || n > maxByteSize {
		return errByteSizeRange
	}
	*b = byteSize(max(roundUp(n), uint64(os.Getpagesize())))
	return nil
}

// parseBytes reads a number of bytes, a unit behind it or not.
func parseBytes(s string) (uint64, error) {
	digits := s
	if i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = s[:i]
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return 0, errByteSize
	}
	shift, err := unitShift(s[len(digits):])
	// Both factors are below 2^32, so nothing overflows.
	return n << shift, err
}

func unitShift(unit string) (uint, error) {
	switch strings.ToLower(unit) {
	case "", "b":
		return 0, nil
	case "k", "kib":
		return 10, nil
	case "m", "mib":
		return 20, nil
	case "g", "gib":
		return 30, nil
	}
	return 0, errByteSize
}

// roundUp returns the smallest power of two that is not less than n > 0.
func roundUp(n uint64) uint64 { return 1 << bits.Len64(n-1) }

// byteCount is a flag for a size of a file.
type byteCount uint64

// minFileSize is what the head of a recording and a few blocks take.
const minFileSize = 64 << 10

var errFileSize = errors.New("not a size of 64K or more")

// String returns the number of bytes, in MiB where it is whole ones.
func (b *byteCount) String() string {
	if n := uint64(*b); n == 0 || n%(1<<20) != 0 {
		return strconv.FormatUint(n, 10)
	}
	return strconv.FormatUint(uint64(*b)>>20, 10) + "M"
}

// Type names the value in the help.
func (b *byteCount) Type() string { return "size" }

// Set parses "1048576", "64M", "2GiB".
func (b *byteCount) Set(s string) error {
	n, err := parseBytes(s)
	if err != nil {
		return err
	}
	if n < minFileSize {
		return errFileSize
	}
	*b = byteCount(n)
	return nil
}

// memoryFlag is --max-memory, which bounds what a recording may take.
type memoryFlag uint64

func newMemoryFlag() memoryFlag { return recording.DefaultMemory }

// String returns the number of bytes, in MiB where it is whole ones.
func (m *memoryFlag) String() string {
	if n := uint64(*m); n%(1<<20) != 0 {
		return strconv.FormatUint(n, 10)
	}
	return strconv.FormatUint(uint64(*m)>>20, 10) + "M"
}

// Type names the value in the help.
func (m *memoryFlag) Type() string { return "size" }

// Set parses "1048576", "64M", "2GiB".
func (m *memoryFlag) Set(s string) error {
	n, err := parseBytes(s)
	if err == nil {
		*m = memoryFlag(n)
	}
	return err
}

func (m *memoryFlag) add(cmd *cobra.Command) {
	cmd.Flags().Var(m, "max-memory", "how much a recording may have nsblame remember (64M, 2G); a part beyond that is damaged")
}
