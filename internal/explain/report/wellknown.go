package report

import (
	"path"
	"slices"
	"strings"
)

// client is a command line client of a well-known D-Bus service.
type client struct {
	name string
	// reads are the verbs that only read; none is one too.
	reads []string
	// one are verbs that read without an argument and change something with one.
	one []string
}

// known is a well-known D-Bus service that is started on demand, and where what
// it is asked for can be had without it.
type known struct {
	client client
	// instead are places, by option or verb of the client's; "" is the rest.
	instead []instead
	cost    DrawbackCode
}

type instead struct {
	asked    string
	do       AdviceCode
	commands [][]string
}

// serviceNames are the bus names of the services below.
var serviceNames = map[string]string{
	"systemd-hostnamed.service": "org.freedesktop.hostname1",
	"systemd-localed.service":   "org.freedesktop.locale1",
	"systemd-timedated.service": "org.freedesktop.timedate1",
}

var wellKnown = map[string]known{
	"org.freedesktop.hostname1": {
		client: client{
			name: "hostnamectl", reads: []string{"status"},
			one: []string{"hostname", "icon-name", "chassis", "deployment", "location"},
		},
		instead: []instead{
			{"--static", AdviceReadStaticHostname, [][]string{{"cat", "/etc/hostname"}}},
			{"--transient", AdviceReadTransientHostname, [][]string{{"uname", "-n"}}},
			{"--pretty", AdviceReadPrettyHostname, [][]string{{"cat", "/etc/machine-info"}}},
			{
				"", AdviceReadHostnames,
				[][]string{{"uname", "-n"}, {"cat", "/etc/hostname", "/etc/machine-info", "/etc/os-release"}},
			},
		},
		cost: DrawbackNoDefaults,
	},
	"org.freedesktop.locale1": {
		client: client{name: "localectl", reads: []string{
			"status", "list-locales", "list-keymaps", "list-x11-keymap-models", "list-x11-keymap-layouts",
			"list-x11-keymap-variants", "list-x11-keymap-options",
		}},
		instead: []instead{{
			"", AdviceReadLocale,
			[][]string{{"cat", "/etc/locale.conf", "/etc/default/locale", "/etc/vconsole.conf", "/etc/default/keyboard"}},
		}},
		cost: DrawbackFilesDiffer,
	},
	"org.freedesktop.timedate1": {
		client: client{name: "timedatectl", reads: []string{"status", "show", "list-timezones"}},
		instead: []instead{{
			"", AdviceReadTimeZone,
			[][]string{{"readlink", "/etc/localtime"}, {"date"}},
		}},
		cost: DrawbackNotSynchronised,
	},
}

// callInstead tells where what a well-known service was asked for can be had
// without starting it.
func callInstead(name string, argv []string) (Remedy, bool) {
	k, ok := wellKnown[name]
	if !ok {
		return Remedy{}, false
	}
	out := Remedy{Kind: CallInstead, Cost: Drawback{Code: k.cost}}
	if len(argv) == 0 || path.Base(argv[0]) != k.client.name {
		i := k.instead[len(k.instead)-1]
		out.Do = Advice{Code: i.do, BusName: name}
		out.Commands = i.commands
		return out, true
	}
	options, verbs := arguments(argv[1:])
	if !k.client.onlyReads(verbs) {
		return Remedy{}, false // a change needs the service
	}
	for _, i := range k.instead {
		if i.asked == "" || slices.Contains(options, i.asked) {
			out.Do = Advice{Code: i.do, Replaced: append([]string{k.client.name}, plainOptions(options)...)}
			out.Commands = i.commands
			return out, true
		}
	}
	return Remedy{}, false
}

// plainOptions are the options that a table above knows.
func plainOptions(options []string) []string {
	return slices.DeleteFunc(slices.Clone(options), func(o string) bool {
		return !slices.Contains([]string{"--static", "--transient", "--pretty"}, o)
	})
}

// arguments tells options from what else there is.
func arguments(argv []string) (options, verbs []string) {
	for _, a := range argv {
		if strings.HasPrefix(a, "-") {
			options = append(options, a)
		} else {
			verbs = append(verbs, a)
		}
	}
	return options, verbs
}

// onlyReads reports whether the verbs are those of a call that changes nothing.
func (c *client) onlyReads(verbs []string) bool {
	switch {
	case len(verbs) == 0:
		return true
	case slices.Contains(c.reads, verbs[0]):
		return true
	}
	return len(verbs) == 1 && slices.Contains(c.one, verbs[0])
}
