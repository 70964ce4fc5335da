package survey

import (
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// maxUnitDepth is how many slices a unit may be within to be found.
const maxUnitDepth = 6

// unitTypes are the types of units that have a cgroup and are no slice.
var unitTypes = []string{".service", ".scope", ".socket", ".mount", ".swap"}

// Units are the names of the machine's units that have a cgroup now, in order. It is
// empty where there are none, or they can't be read.
func Units() []string {
	hierarchy, err := kernel.CgroupHierarchy()
	if err != nil {
		return nil
	}
	root, err := kernel.CgroupRoot(hierarchy)
	if err != nil {
		return nil
	}
	return unitsBelow(os.DirFS(root), ".", 0)
}

func unitsBelow(root fs.FS, dir string, depth int) []string {
	entries, err := fs.ReadDir(root, dir)
	if err != nil || depth > maxUnitDepth {
		return nil
	}
	var list []string
	for _, e := range entries {
		switch {
		case !e.IsDir():
		case path.Ext(e.Name()) == ".slice":
			list = append(list, unitsBelow(root, path.Join(dir, e.Name()), depth+1)...)
		case slices.Contains(unitTypes, path.Ext(e.Name())):
			list = append(list, e.Name())
		}
	}
	slices.Sort(list)
	return list
}
