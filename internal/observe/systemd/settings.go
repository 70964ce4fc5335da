package systemd

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/systemd/unitfile"
)

// readFile returns a file's content, as os.ReadFile does.
type readFile func(path string) ([]byte, error)

// maxDropIns bounds how many drop-ins of a unit are read.
const maxDropIns = 256

// maxJoins bounds how many settings of JoinsNamespaceOf are kept of a unit's files.
const maxJoins = 1024

// errTooManyDropIns is reported for a unit of which not all drop-ins are read.
var errTooManyDropIns = fmt.Errorf("more than %d drop-ins, the rest was not read", maxDropIns)

// readSettings reads a unit's file and its drop-ins, in the given order, and
// returns the settings in force. Of PrivateNetwork and NetworkNamespacePath the
// last valid assignment counts. A NetworkNamespacePath without a value resets
// it, and each JoinsNamespaceOf adds to the others. The name of the unit's own
// section depends on its type. fragment may be empty.
//
// Files that cannot be read are left out, and the error names them all.
func readSettings(read readFile, name, fragment string, dropIns []string) ([]event.UnitSetting, error) {
	f := inForce{section: execSection(name)}
	var problems []error
	if len(dropIns) > maxDropIns {
		dropIns = dropIns[:maxDropIns]
		problems = append(problems, errTooManyDropIns)
	}
	for _, file := range append([]string{fragment}, dropIns...) {
		if file == "" {
			continue
		}
		if err := f.file(read, file); err != nil {
			problems = append(problems, err)
		}
	}
	return f.settings(), errors.Join(problems...)
}

// execSections are the sections that hold PrivateNetwork and
// NetworkNamespacePath, by type of unit (src/core/unit.h, UNIT_VTABLE's
// private_section; other types run no processes of their own).
var execSections = map[string]string{
	".service": "Service",
	".socket":  "Socket",
	".mount":   "Mount",
	".swap":    "Swap",
}

func execSection(name string) string { return execSections[path.Ext(name)] }

// inForce collects the settings while file after file is read.
type inForce struct {
	section string
	private *event.UnitSetting
	path    *event.UnitSetting
	joins   []event.UnitSetting
}

func (f *inForce) file(read readFile, file string) error {
	text, err := read(file)
	if err != nil {
		return err // names the file itself
	}
	assignments, err := unitfile.Parse(text)
	for _, a := range assignments {
		f.apply(a, event.UnitSetting{Name: a.Name, Value: a.Value, File: file, Line: a.Line, Source: event.SettingFromFile})
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

// apply does what the setting's own parser does (src/core/load-fragment.c:
// config_parse_unit_deps, config_parse_unit_path_printf;
// src/shared/conf-parser.c: config_parse_bool).
func (f *inForce) apply(a unitfile.Assignment, s event.UnitSetting) {
	switch {
	case a.Section == "Unit" && a.Name == event.SettingJoins:
		if a.Value != "" && len(f.joins) < maxJoins {
			f.joins = append(f.joins, s)
		}
	case f.section == "" || a.Section != f.section:
	case a.Name == event.SettingPrivate:
		if v, ok := unitfile.Bool(a.Value); ok {
			s.Value = yesNo(v)
			f.private = &s
		}
	case a.Name == event.SettingPath:
		if a.Value == "" {
			f.path = nil
		} else if isPath(a.Value) {
			f.path = &s
		}
	}
}

// isPath reports whether systemd would accept it as an absolute path.
func isPath(value string) bool {
	return (value[0] == '/' || value[0] == '%') && !slices.Contains(strings.Split(value, "/"), "..")
}

func (f *inForce) settings() []event.UnitSetting {
	var all []event.UnitSetting
	for _, s := range []*event.UnitSetting{f.private, f.path} {
		if s != nil {
			all = append(all, *s)
		}
	}
	return append(all, f.joins...)
}

func yesNo(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

// locate fills in the unit's Settings: what the manager has in force. Each has
// its file and line if a file agrees with the manager.
func locate(u *event.UnitState, inFiles located, room *room) {
	for _, problem := range lines(inFiles.err) {
		if problem = cutText(problem); room.Take(len(problem)) {
			u.Problems = append(u.Problems, problem)
		}
	}
	for _, s := range inFiles.settings {
		if agrees(u, s) && room.takeSetting(s) {
			if wroteItself(u, s.File) {
				s.Source = event.SettingFromManager
			}
			u.Settings = append(u.Settings, s)
		}
	}
	addUnlocated(u, room)
	u.Cut = room.Cut
}

// lines splits a joined error into the texts of its parts.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// agrees reports whether what a file says is in force. Values with specifiers
// and dependencies on aliases cannot be compared, because the manager resolves
// them. Then the file counts unless it was changed.
func agrees(u *event.UnitState, s event.UnitSetting) bool {
	switch s.Name {
	case event.SettingPrivate:
		return s.Value == yesNo(u.PrivateNetwork)
	case event.SettingPath:
		if strings.Contains(s.Value, "%") {
			return u.NetworkNamespacePath != "" && !u.NeedDaemonReload
		}
		return path.Clean(s.Value) == u.NetworkNamespacePath
	default:
		return len(u.JoinsNamespaceOf) > 0 && (!u.NeedDaemonReload || slices.ContainsFunc(words(s.Value), func(name string) bool { return slices.Contains(u.JoinsNamespaceOf, name) }))
	}
}

// words splits a list of units. Names need no quotes, but may have them.
func words(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t\n\r\"'", r) })
}

// wroteItself reports whether the manager wrote the file itself. It keeps the
// settings of transient units in one (src/basic/path-lookup.c, the transient
// directory).
func wroteItself(u *event.UnitState, file string) bool {
	return u.Transient && strings.Contains(file, "/systemd/transient/")
}

// addUnlocated adds what is in force and in no file.
func addUnlocated(u *event.UnitState, room *room) {
	add := func(name, value string) {
		s := event.UnitSetting{Name: name, Value: value, Source: event.SettingFromManager}
		if room.takeSetting(s) {
			u.Settings = append(u.Settings, s)
		}
	}
	if u.PrivateNetwork && len(u.SettingsNamed(event.SettingPrivate)) == 0 {
		add(event.SettingPrivate, yesNo(true))
	}
	if u.NetworkNamespacePath != "" && len(u.SettingsNamed(event.SettingPath)) == 0 {
		add(event.SettingPath, u.NetworkNamespacePath)
	}
	var named []string
	for _, s := range u.SettingsNamed(event.SettingJoins) {
		named = append(named, words(s.Value)...)
	}
	for _, other := range u.JoinsNamespaceOf {
		if !slices.Contains(named, other) {
			add(event.SettingJoins, other)
		}
	}
}
