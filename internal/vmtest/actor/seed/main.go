// Command seed has cron run hostnamectl, as often as somebody asks. "seed start" returns
// once a job of cron waits; "seed cycle N" has it run hostnamectl so often, each time
// with systemd-hostnamed stopped before, and returns when it is done. "seed stop" ends
// the job.
//
// The job stays from one scenario to the next, so that none waits for the next minute.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	dir = "/run/seed"
	tab = "/etc/cron.d/seed"
	// rebooted is there once cron has run what is to be run at a reboot.
	rebooted = "/run/crond.reboot"
)

// nothing in /run may be executed
const job = `cd ` + dir + `
while read -r line && test "$line" != end; do
	test "$(hostnamectl --static)" = vmtest
	systemctl stop systemd-hostnamed
	echo "$line" >&3
done <>ask 3<>told
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "start":
		return start()
	case len(args) == 1 && args[0] == "stop":
		return stop()
	case len(args) == 2 && args[0] == "cycle":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return cycle(n)
	}
	return errors.New("usage: seed start | cycle N | stop")
}

func command(argv ...string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// start installs the job as one that cron runs at a reboot, which is when it finds no
// sign that it has run before.
func start() error {
	if err := os.Mkdir(dir, 0o700); errors.Is(err, fs.ErrExist) {
		return nil // it waits already
	} else if err != nil {
		return err
	}
	err := errors.Join(
		unix.Mkfifo(filepath.Join(dir, "ask"), 0o600),
		unix.Mkfifo(filepath.Join(dir, "told"), 0o600),
		os.WriteFile(filepath.Join(dir, "job"), []byte(job), 0o600),
		os.WriteFile(tab, []byte("@reboot root exec /bin/sh "+dir+"/job\n"), 0o600),
		os.RemoveAll(rebooted),
		command("systemctl", "stop", "systemd-hostnamed"),
	)
	if err != nil {
		return err
	}
	return command("systemctl", "restart", "cron")
}

// stop ends the job, which need not be there.
func stop() error {
	ask, err := os.OpenFile(filepath.Join(dir, "ask"), os.O_RDWR, 0)
	if err == nil {
		_, err = fmt.Fprintln(ask, "end")
		err = errors.Join(err, ask.Close())
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(dir), os.RemoveAll(tab))
}

// cycle asks for one after the other, and waits for each.
func cycle(n int) error {
	ask, err := os.OpenFile(filepath.Join(dir, "ask"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer ask.Close()
	told, err := os.OpenFile(filepath.Join(dir, "told"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer told.Close()
	begin := time.Now()
	for i := range n {
		if _, err := fmt.Fprintln(ask, i); err != nil {
			return err
		}
		if _, err := fmt.Fscanln(told, new(int)); err != nil {
			return err
		}
	}
	fmt.Printf("%d cycles in %.1fs\n", n, time.Since(begin).Seconds())
	return nil
}
