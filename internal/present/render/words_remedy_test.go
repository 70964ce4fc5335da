package render

import (
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// What the fields of an advice say stands in its words.
func TestAdviceText(t *testing.T) {
	code, signal := uint32(3<<8), uint32(0x80|9)
	x := report.UnitRef{Unit: "x.service"}
	users := report.UnitRef{Unit: "x.service", Manager: event.ManagerUser, OwnerUID: 1000, HasOwner: true}
	for _, tt := range []struct {
		advice report.Advice
		want   string
	}{
		{report.Advice{Code: report.AdviceShareNetwork, Unit: x}, "Turn PrivateNetwork off for x.service"},
		{
			report.Advice{Code: report.AdviceShareNetworkUser, Unit: users},
			"Turn PrivateNetwork off for x.service (user 1000), by a file of that user's own; write and reload it as the user with id 1000",
		},
		{
			report.Advice{Code: report.AdviceReadTransientHostname, Replaced: []string{"hostnamectl", "--transient"}},
			"Instead of hostnamectl --transient: ask the kernel for the host name in use",
		},
		{
			report.Advice{Code: report.AdviceReadTimeZone, BusName: "org.freedesktop.timedate1"},
			"Instead of calling org.freedesktop.timedate1 to read something: the time zone is where /etc/localtime points to, and date prints the time",
		},
		{report.Advice{Code: report.AdviceChangeCommand}, "Change or stop what runs the command"},
		{report.Advice{Code: report.AdviceChangeCommand, Parents: 1}, "Change or stop what runs the command: its parent, shown as run by"},
		{report.Advice{Code: report.AdviceChangeCommand, Parents: 3}, "Change or stop what runs the command: its 3 parents, shown as run by"},
		{
			report.Advice{Code: report.AdviceChangeCommandIn, Unit: users, Parents: 8, MoreParents: true},
			"Change or stop what runs the command: its parents, the first of which are shown as run by. It runs in x.service (user 1000) as the user with id 1000",
		},
		{
			report.Advice{Code: report.AdviceChangeCrontab, Unit: report.UnitRef{Unit: "cron.service"}},
			"Change or stop what runs the command. It runs in cron.service: the entry is in one of the crontabs",
		},
		{report.Advice{Code: report.AdviceFixFailure, Unit: x}, "x.service ends and is restarted automatically. Mend what makes it end"},
		{
			report.Advice{Code: report.AdviceFixFailure, Unit: users, Restart: &finding.Restart{Policy: "always", Ended: &code}},
			"x.service (user 1000) ends and is restarted automatically by Restart=always; a run before ended with exit code 3. Mend what makes it end as the user with id 1000",
		},
		{
			report.Advice{Code: report.AdviceFixFailure, Unit: x, Restart: &finding.Restart{Ended: &signal}},
			"x.service ends and is restarted automatically; a run before was ended by signal 9. Mend what makes it end",
		},
		{
			report.Advice{Code: report.AdviceSlowTimer, Unit: report.UnitRef{Unit: "x.timer", Manager: event.ManagerUser, OwnerUID: 1000, HasOwner: true}},
			"Let x.timer (user 1000) elapse less often (systemctl --user edit x.timer: OnCalendar=, OnUnitActiveSec=, …; " +
				"an empty one first takes back those before it), or disable it",
		},
		{
			report.Advice{Code: report.AdviceNothing, Unit: users},
			"x.service (user 1000) is started with the user's manager, once: nothing needs to be done about that",
		},
		{
			report.Advice{Code: report.AdviceInspectContainerOfUser, Program: "docker", User: 1000, HasUser: true},
			"The user with id 1000 claims that it is done within a container of docker: ask that user, not the machine's own docker, " +
				"which may have another of the same id",
		},
		{
			report.Advice{Code: report.AdviceAcceptNo, Unit: report.UnitRef{Unit: "{service}.socket"}, Service: "chat@*.service"},
			"{service}.socket starts chat@*.service anew for each connection: with Accept=no one service answers all",
		},
	} {
		if got := adviceText(&tt.advice); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

// No words are left with a field in braces that is not filled in.
func TestRemedyFields(t *testing.T) {
	for code := range adviceWords {
		if text := adviceText(&report.Advice{Code: code}); strings.ContainsAny(text, "{}") {
			t.Errorf("%s: %s", code, text)
		}
	}
	for code := range drawbackWords {
		if text := drawbackText(report.Drawback{Code: code}); strings.ContainsAny(text, "{}") {
			t.Errorf("%s: %s", code, text)
		}
	}
	if text := drawbackText(report.Drawback{}); text != "" {
		t.Errorf("no drawback: %s", text)
	}
}
