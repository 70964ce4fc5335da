package finding

import (
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

func TestPlaceBelow(t *testing.T) {
	scope := "/system.slice/docker-" + strings.Repeat("ab", 32) + ".scope"
	at := func(path string, pidns uint32) lineage.Process {
		return lineage.Process{Cgroup: path, Owner: event.Owner{PIDNamespace: pidns}}
	}
	systemd, shell, runc := at("/init.scope", 1), at("/init", 2), at(scope, 1)
	for _, tc := range []struct {
		name     string
		of       lineage.Process
		ancestry []lineage.Process
		want     bool // it is in the container
	}{
		{"in the container's cgroup", at(scope, 2), nil, true},
		{"has left it", at("/init", 2), []lineage.Process{shell, runc, systemd}, true},
		{"is in the machine's pid namespace", at("/init", 1), []lineage.Process{shell, runc, systemd}, false},
		{"of an unknown pid namespace", at("/init", 0), []lineage.Process{runc, systemd}, false},
		{"in a unit", at("/system.slice/x.service", 2), []lineage.Process{runc, systemd}, false},
		{"no ancestor in a container", at("/init", 2), []lineage.Process{shell, systemd}, false},
		{"no ancestors", at("/init", 2), nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := PlaceBelow(&tc.of, tc.ancestry).Container != nil; got != tc.want {
				t.Errorf("in a container: %v, want %v", got, tc.want)
			}
		})
	}
}
