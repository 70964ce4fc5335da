package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"syscall"
)

// strict are bash's options for all scripts: a failure ends the script.
var strict = []string{"-eu", "-o", "pipefail"}

// shell returns a command that runs a bash script as a user, root if empty.
// The process is a child of the agent and stays in the agent's cgroup; no
// session is opened.
func shell(name, script string) (*exec.Cmd, error) {
	return as(name, exec.Command("bash", append(slices.Clone(strict), "-c", script)...))
}

// as has a command run by a user, by root if the name is empty.
func as(name string, cmd *exec.Cmd) (*exec.Cmd, error) {
	if name == "" {
		name = "root"
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", name, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", name, err)
	}
	cmd.Env = append(os.Environ(), "HOME="+u.HomeDir, "USER="+name, "LOGNAME="+name, "LC_ALL=C.UTF-8")
	if uid != 0 {
		groups, err := groupsOf(u)
		if err != nil {
			return nil, err
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: groups},
		}
	}
	return cmd, nil
}

// groupsOf are the groups of a user, such as that which may talk to docker.
func groupsOf(u *user.User) ([]uint32, error) {
	names, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	var groups []uint32
	for _, name := range names {
		gid, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("group of user %s: %w", u.Username, err)
		}
		groups = append(groups, uint32(gid))
	}
	return groups, nil
}
