// Package container answers questions about containers from the files of their
// runtimes: docker, containerd, podman and CRI-O. No runtime is asked itself, and
// nothing has to run.
//
// Only files are read that nobody but root can have written (package rootfile). So what
// they say is root's word. Who may have a container made by root chooses some of it: its
// name, its labels, its annotations.
//
// The files are undocumented, but all of them have been the same for years. Fields that
// are not there are empty in the answer.
package container
