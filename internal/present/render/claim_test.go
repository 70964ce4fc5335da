package render

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/inventory"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// claimedPlace is a creation in a cgroup.
func claimedPlace(path string) *finding.Attribution {
	p := lineage.Process{ID: event.ProcessID{PID: 50, StartNS: 1}, TID: 50, Comm: "evil", Cgroup: path, UID: 1000}
	return finding.NewAttribution(&lineage.Creation{Process: p, Netns: event.NetnsCreate{Inum: 7}})
}

// A forged name of a unit, a container or a pod differs from the machine's own: in a
// line, in a tree, in JSON and in a list.
func TestForgedNames(t *testing.T) {
	const user = "/user.slice/user-1000.slice/user@1000.service/app.slice/"
	short := containerID[:shortID]
	for _, tc := range []struct {
		path    string
		line    string // the place in a line
		claimed int    // rows of a tree, fields of JSON
	}{
		{"/system.slice/docker-" + containerID + ".scope", "docker-" + short + "….scope docker:" + short, 0},
		{"/system.slice/kubelet.service", "kubelet.service", 0},
		{user + "kubelet.service", "kubelet.service (user 1000)", 1},
		{user + "docker-" + containerID + ".scope", "docker-" + short + "….scope (user 1000) docker:" + short + " (user 1000)", 2},
		{
			user + "x.service/kubepods/burstable/pod0c1f3a5b7d9e4f60a1b2c3d4e5f60718/" + containerID,
			"x.service (user 1000) kubernetes:" + short + " (user 1000)", 2,
		},
		{"/lxc.payload.web/docker/" + containerID, "docker:" + short + " (in web)", 1},
	} {
		c := claimedPlace(tc.path)
		var line, tree, lines bytes.Buffer
		for _, consumer := range []finding.Consumer{
			NewText(&line, &bytes.Buffer{}, TextOptions{}), NewText(&tree, &bytes.Buffer{}, TextOptions{Tree: true}), NewJSON(&lines),
		} {
			if err := consumer.Consume(created(c)); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(line.String(), "  "+tc.line+"  ") {
			t.Errorf("%s\nwant %s", line.String(), tc.line)
		}
		if n := strings.Count(tree.String(), "  claimed\n"); n != tc.claimed {
			t.Errorf("%d rows are claimed, want %d:\n%s", n, tc.claimed, tree.String())
		}
		place := cgroup.Parse(tc.path)
		checkOwner(t, lines.Bytes(), &place)
		listed := listOf(t, tc.path)
		if !strings.Contains(listed, tc.line) {
			t.Errorf("%s\nwant %s", listed, tc.line)
		}
	}
}

// checkOwner fails unless JSON has whose names they are.
func checkOwner(t *testing.T, line []byte, p *cgroup.Placement) {
	t.Helper()
	type named struct {
		Evidence string  `json:"evidence"`
		OwnerUID *uint32 `json:"owner_uid"`
		Within   string  `json:"named_within"`
	}
	var got struct {
		Unit, Container *named
		Chain           []struct{ Link, Evidence string }
	}
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	if u := got.Unit; u != nil && ((u.Evidence == "claimed") != p.UnitClaimed() || (u.OwnerUID != nil) != p.HasOwner) {
		t.Errorf("unit %+v of %+v", u, p)
	}
	if c := got.Container; c != nil && ((c.Evidence == "claimed") != p.Container.Claimed || (c.OwnerUID != nil) != p.Container.HasUID || c.Within != p.Container.Within) {
		t.Errorf("container %+v of %+v", c, p.Container)
	}
	for _, l := range got.Chain {
		if l.Link == "unit" && (l.Evidence == "claimed") != p.UnitClaimed() {
			t.Errorf("the unit's link has evidence %s: %+v", l.Evidence, p)
		}
	}
}

// listOf is a list as a tree in which a process of that cgroup is in a namespace.
func listOf(t *testing.T, path string) string {
	t.Helper()
	b := inventory.NewBuilder()
	b.Occupant(4026532100, inventory.Process{
		ID: event.ProcessID{PID: 50, StartNS: 1}, Comm: "evil", Described: true, Cgroup: path, CgroupKnown: true,
	}, 1)
	var out bytes.Buffer
	l := &List{Host: host.Body.(*event.Host), Inventory: b.Build(1)}
	if err := ListText(&out, &bytes.Buffer{}, l, TextOptions{Tree: true}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
