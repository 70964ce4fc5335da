package probe

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// Which names of a cgroup's path were chosen in a directory that is not root's is noted,
// with whose the outermost one is.
func TestNamesInDirectoriesOfOthers(t *testing.T) {
	top := cgroupsUnder(t, "delegated")[0]
	coll := watchProcesses(t)
	for _, tc := range []struct {
		name   string
		owners []int // of top and of what is below it
		want   event.Delegation
	}{
		{"root's alone", []int{0, 0, 0}, event.Delegation{}},
		{"only the last one is another's", []int{0, 0, 1000}, event.Delegation{}},
		{"the last name is another's", []int{0, 1000, 0}, event.Delegation{Names: 1, UID: 1000}},
		{"all names of two users are the outer one's", []int{1000, 1001, 1001}, event.Delegation{Names: 2, UID: 1000}},
		{"also with a directory of root's in it", []int{1000, 0, 1001}, event.Delegation{Names: 2, UID: 1000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := top
			for i, uid := range tc.owners {
				if i > 0 {
					dir = filepath.Join(dir, "x"+strconv.Itoa(i))
					if err := os.Mkdir(dir, 0o755); err != nil {
						t.Fatal(err)
					}
					made := dir
					t.Cleanup(func() { removeCgroup(t, made) })
				}
				if err := os.Chown(dir, uid, uid); err != nil {
					t.Skip("these rights don't allow it: ", err)
				}
			}
			s := startShell(t, nil, "echo $$ >"+dir+"/cgroup.procs; (:)")
			var path bpfCgroupPath
			if err := coll.maps[bpfMapCgroups].Lookup(coll.innermost(t, uint32(s.Process.Pid)).Cgroup, &path); err != nil {
				t.Fatal(err)
			}
			got := cgroupEvent(&path.Rec).Body.(*event.Cgroup)
			if got.Path != "/"+filepath.Base(top)+"/x1/x2" || got.Delegated != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}
