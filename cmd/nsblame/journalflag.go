package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsblame/nsblame/internal/deliver/journald"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/present/journal"
)

// journalHelp explains --journal in the help of each verb that has it.
const journalHelp = `--journal also writes each creation into systemd's journal. It is filed under
the unit in which it began: journalctl -u cron.service shows what cron caused.
A cause has one entry a minute at most, and then one that counts the rest. The
journal believes the unit if root says so. Of another user, ask for
journalctl OBJECT_SYSTEMD_UNIT=cron.service.`

// lastEntries is how long the end of a run waits for the journal.
const lastEntries = 2 * time.Second

// journalFlag is --journal. Once opened it is a consumer.
type journalFlag struct {
	on     bool
	writer *journald.Writer
}

func (f *journalFlag) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "journal", false, "also write what is found into systemd's journal, below the unit where it began: journalctl -u cron.service")
}

// open begins to write, if the flag is given. It must precede giveUp in a container.
func (f *journalFlag) open() ([]finding.Consumer, error) {
	if !f.on {
		return nil, nil
	}
	writer, err := journald.Open(machinePath(journald.Socket), journal.Dropped)
	if err != nil {
		return nil, fmt.Errorf("--journal: %w", err)
	}
	f.writer = writer
	return []finding.Consumer{journal.New(writer.Put)}, nil
}

// close ends it, and says what the journal did not take.
func (f *journalFlag) close(stderr io.Writer) {
	if f.writer == nil {
		return
	}
	if n := f.writer.Close(lastEntries); n > 0 {
		fmt.Fprintf(stderr, "nsblame: %d entries are not in the journal, which did not take them in time\n", n)
	}
	f.writer = nil
}
