// Package netlist asks the kernel which network namespaces exist and which open
// files hold one. Its BPF programs run once and are attached to nothing.
package netlist

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// Netns is a network namespace in the kernel's list.
type Netns struct {
	// Inum and Cookie are its inode number and, where the kernel has filled it,
	// its cookie.
	Inum   uint32
	Cookie uint64
	// References is its reference count where HasReferences, 0 once it is being
	// torn down.
	References    uint32
	HasReferences bool
	// UserInum is the inode number of the user namespace that owns it, OwnerUID
	// the user who made that, in the initial user namespace.
	UserInum, OwnerUID uint32
}

// Kind says what an open file is.
type Kind int

// The kinds of files that hold a namespace.
const (
	// Nsfs is a file of nsfs (/proc/PID/ns/net).
	Nsfs Kind = iota
	// Socket is a socket that is in another namespace than the thread that has
	// it open.
	Socket
	// Message is either of them in an unread message to a unix socket.
	Message
)

// File is an open file that holds a namespace.
type File struct {
	// Kind is what it is.
	Kind Kind
	// Process has it open as FD of the thread TID. For a message, that is the
	// socket that the message is for.
	Process event.ProcessID
	TID, FD uint32
	// Inum is the namespace's inode number.
	Inum uint32
	// Ino is a socket's own inode number, Family its address family.
	Ino    uint64
	Family uint32
}

// Kernel is the running kernel, ready to be asked.
type Kernel struct{ objects listObjects }

// Open loads the programs. The error is a *unsupported.Error if the
// kernel or the rights of this process do not allow it.
func Open() (*Kernel, error) {
	if err := kernel.Permitted(); err != nil {
		return nil, err
	}
	// Needed before 5.11 only. Elsewhere it may fail without CAP_SYS_RESOURCE,
	// which does no harm.
	_ = rlimit.RemoveMemlock()
	k := &Kernel{}
	if err := loadListObjects(&k.objects, nil); err != nil {
		return nil, kernel.Refused("load the programs that list namespaces", err)
	}
	return k, nil
}

// Close frees the programs.
func (k *Kernel) Close() error { return k.objects.Close() }

// Namespaces returns the kernel's list: the initial namespace first, the others
// in the order of their creation. whole is false if there are more than it
// could read.
func (k *Kernel) Namespaces() (list []Netns, whole bool, err error) {
	err = errors.Join(k.objects.NextNet.Set(uint64(0)), k.objects.Found.Set(uint32(0)), k.objects.Whole.Set(false))
	if err != nil {
		return nil, false, fmt.Errorf("prepare the list of namespaces: %w", err)
	}
	code, err := k.objects.ListNamespaces.Run(&ebpf.RunOptions{})
	if err != nil {
		return nil, false, kernel.Refused("run the program that lists namespaces", err)
	}
	if code != 0 {
		return nil, false, errors.New("list namespaces: the first process of the machine was not found")
	}
	var found uint32
	if err := errors.Join(k.objects.Found.Get(&found), k.objects.Whole.Get(&whole)); err != nil {
		return nil, false, fmt.Errorf("read the list of namespaces: %w", err)
	}
	for i := range found {
		var rec listNetRecord
		if err := k.objects.Nets.Lookup(unsafe.Pointer(&i), unsafe.Pointer(&rec)); err != nil {
			return nil, false, fmt.Errorf("read the list of namespaces: %w", err)
		}
		list = append(list, Netns{
			Inum: rec.Inum, Cookie: rec.Cookie, References: rec.Refs, HasReferences: rec.Refs != ^uint32(0),
			UserInum: rec.UserInum, OwnerUID: rec.OwnerUid,
		})
	}
	return list, whole, nil
}

// Files returns the open files that hold a namespace, of the processes in this
// process's pid namespace. cut counts sockets with more messages than were
// looked at, and messages with more in them.
func (k *Kernel) Files() (list []File, cut uint64, err error) {
	if err := k.objects.QueuesCut.Set(uint64(0)); err != nil {
		return nil, 0, fmt.Errorf("prepare the list of open files: %w", err)
	}
	it, err := link.AttachIter(link.IterOptions{Program: k.objects.ListFiles})
	if err != nil {
		return nil, 0, kernel.Refused("attach the iterator over open files", err)
	}
	defer it.Close()
	r, err := it.Open()
	if err != nil {
		return nil, 0, kernel.Refused("run the iterator over open files", err)
	}
	defer r.Close()
	raw, err := io.ReadAll(retrying{r})
	if err != nil {
		return nil, 0, fmt.Errorf("read the list of open files: %w", err)
	}
	if err := k.objects.QueuesCut.Get(&cut); err != nil {
		return nil, 0, fmt.Errorf("read the list of open files: %w", err)
	}
	list, err = decodeFiles(raw)
	return list, cut, err
}

// retrying continues after an iterator pauses. An iterator returns EAGAIN to
// let others run after it has skipped much.
type retrying struct{ r io.Reader }

func (r retrying) Read(p []byte) (int, error) {
	for {
		n, err := r.r.Read(p)
		if n > 0 || !errors.Is(err, unix.EAGAIN) {
			return n, err
		}
	}
}

var errPartialRecord = errors.New("read the list of open files: a record is cut")

// decodeFiles reads the records of the iterator. Threads that share their open
// files may each have a record.
func decodeFiles(raw []byte) ([]File, error) {
	size := int(unsafe.Sizeof(listFileRecord{}))
	if len(raw)%size != 0 {
		return nil, errPartialRecord
	}
	var list []File
	for one := range slices.Chunk(raw, size) {
		var rec listFileRecord
		if err := binary.Read(bytes.NewReader(one), binary.NativeEndian, &rec); err != nil {
			return nil, fmt.Errorf("read the list of open files: %w", err)
		}
		f := File{
			Process: event.ProcessID{PID: rec.Pid, StartNS: rec.StartNs}, TID: rec.Tid, FD: rec.Fd,
			Inum: rec.Inum, Ino: rec.Ino, Family: rec.Family,
		}
		switch listFileKind(rec.Kind) {
		case listFileKindFILE_SOCKET:
			f.Kind = Socket
		case listFileKindFILE_MESSAGE:
			f.Kind = Message
		}
		list = append(list, f)
	}
	return list, nil
}
