package report

import (
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
)

// unitDir is where settings of a unit go: the administrator's, or for a unit of a
// user's manager those of this user. What is in /etc/systemd/user is for every user,
// of whom this manager says nothing.
func unitDir(p *UnitRef) string {
	if p.machines() {
		return "/etc/systemd/system"
	}
	return "~/.config/systemd/user"
}

// dropInName sorts behind the names that drop-ins usually have: the last one
// that sets something wins.
const dropInName = "zz-no-private-network.conf"

// dropIn turns PrivateNetwork off, if that is what made the namespaces.
func dropIn(c *Cause) (Remedy, bool) {
	i := slices.IndexFunc(c.Settings, func(s event.UnitSetting) bool { return s.Name == event.SettingPrivate })
	if i < 0 || c.Settings[i].Value != "yes" {
		return Remedy{}, false
	}
	s := c.Settings[i]
	out := Remedy{Kind: DropIn, Do: Advice{Code: AdviceShareNetwork, Unit: c.Creator}, Cost: lostIsolation(c)}
	if s.File == "" || c.Creator.Pattern && !strings.Contains(c.Creator.Unit, "@") {
		out.Do.Code = AdviceNoSettingFile
		return out, true
	}
	if c.Creator.HasOwner {
		out.Do.Code = AdviceShareNetworkUser
	}
	out.File = &File{
		Path:     path.Join(unitDir(&c.Creator), template(c.Creator.Unit)+".d", after(s.File)),
		Contents: "[" + section(c.Creator.Unit) + "]\nPrivateNetwork=no\n",
	}
	out.Commands = [][]string{systemctl(&c.Creator, "daemon-reload")}
	return out, true
}

// section is where the settings for processes stand in a unit of that kind;
// elsewhere they are ignored.
func section(name string) string {
	switch path.Ext(name) {
	case ".socket":
		return "Socket"
	case ".mount":
		return "Mount"
	case ".swap":
		return "Swap"
	}
	return "Service"
}

// template is the unit's name, or that of the template if it is about all of
// its instances.
func template(name string) string {
	prefix, instance, found := strings.Cut(name, "@")
	if !found || !strings.HasPrefix(instance, "*") {
		return name
	}
	return prefix + "@" + path.Ext(name)
}

// after is a name for a drop-in that sorts behind the file that it overrides.
func after(file string) string {
	if base := path.Base(file); strings.HasSuffix(path.Dir(file), ".d") && base >= dropInName {
		return base + "-z.conf"
	}
	return dropInName
}

func lostIsolation(c *Cause) Drawback {
	out := Drawback{Code: DrawbackIsolation, Unit: c.Creator.Unit}
	if slices.ContainsFunc(c.Settings, func(s event.UnitSetting) bool { return s.Name == event.SettingJoins }) {
		out.Code = DrawbackSharedIsolation
	}
	return out
}
