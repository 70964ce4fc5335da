package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/nsblame/nsblame/internal/present/render"
)

// settingEnv begins the names of environment variables.
const settingEnv = "NSBLAME_"

// maxSettings is how large a file of settings may be.
const maxSettings = 64 << 10

// notSettings are flags that are no keys of a file.
var notSettings = []string{"config", "check", "ask", "help"}

// origins say where the values of flags are from, by their names.
type origins map[string]string

var (
	errSettingsSize  = errors.New("it has more than 64 KiB")
	errSettingsForm  = errors.New("it must be one list of key: value")
	errSettingTwice  = errors.New("it is there twice")
	errSettingEmpty  = errors.New("it has no value; '' is an empty one")
	errSettingValue  = errors.New("its value must be a text, a number, true or false, or a list of them")
	errSettingUnseen = errors.New("it is no setting")
)

// settingError is a mistake in a file of settings.
type settingError struct {
	file string
	line int
	key  string
	err  error
}

func (e *settingError) Error() string {
	where := fmt.Sprintf("--config %q", e.file)
	if e.line > 0 {
		where += fmt.Sprintf(", line %d", e.line)
	}
	if e.key != "" {
		where += fmt.Sprintf(", %q", e.key)
	}
	return where + ": " + e.err.Error()
}

func (e *settingError) Unwrap() error { return e.err }

// readSettings gives the flags of a command that were not given the values that the
// environment has, or else the file. The file may be empty, for none.
func readSettings(cmd *cobra.Command, file string, environ []string) (origins, error) {
	flags := cmd.Flags()
	from := make(origins)
	flags.Visit(func(f *pflag.Flag) { from[f.Name] = "command line" })
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		name := envOf(f.Name)
		value, ok := lookup(environ, name)
		if !ok || from[f.Name] != "" || slices.Contains(notSettings, f.Name) || err != nil {
			return
		}
		if err = flags.Set(f.Name, value); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		from[f.Name] = "environment"
	})
	if err != nil {
		return nil, err
	}
	for _, name := range unknownEnv(flags, environ) {
		fmt.Fprintf(cmd.ErrOrStderr(), "nsblame: %s is no setting of serve, and ignored\n", render.Sentence(name))
	}
	if file == "" {
		return from, nil
	}
	return from, fromFile(flags, file, from)
}

// envOf is the environment variable of a flag.
func envOf(flag string) string {
	return settingEnv + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func lookup(environ []string, name string) (value string, ok bool) {
	for _, e := range environ {
		if key, v, _ := strings.Cut(e, "="); key == name {
			return v, true
		}
	}
	return "", false
}

// unknownEnv are the variables that seem to be meant for nsblame, and are not known.
func unknownEnv(flags *pflag.FlagSet, environ []string) (list []string) {
	known := make(map[string]bool)
	flags.VisitAll(func(f *pflag.Flag) { known[envOf(f.Name)] = !slices.Contains(notSettings, f.Name) })
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, settingEnv) && !known[name] {
			list = append(list, name)
		}
	}
	return list
}

// fromFile sets the flags that have no origin yet.
func fromFile(flags *pflag.FlagSet, name string, from origins) error {
	pairs, err := readPairs(name)
	if err != nil {
		return err
	}
	seen := make(map[string]bool)
	for i := 0; i < len(pairs); i += 2 {
		key, value := pairs[i], pairs[i+1]
		wrong := func(err error) error { return &settingError{name, key.Line, key.Value, err} }
		f := flags.Lookup(key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || f == nil || slices.Contains(notSettings, key.Value):
			return wrong(fmt.Errorf("%w; settings are %s", errSettingUnseen, strings.Join(settingNames(flags), ", ")))
		case seen[f.Name]:
			return wrong(errSettingTwice)
		}
		seen[f.Name] = true
		list, err := textsIn(value)
		if err != nil {
			return wrong(err)
		}
		if from[f.Name] != "" {
			continue
		}
		if _, many := f.Value.(pflag.SliceValue); !many && len(list) > 1 && f.Name != "redact" {
			return wrong(errors.New("it takes one value"))
		}
		for _, text := range list {
			if err := flags.Set(f.Name, text); err != nil {
				return wrong(unwrapFlag(err))
			}
		}
		from[f.Name] = "file"
	}
	return nil
}

// unwrapFlag drops the flag's name from the error, which names the key.
func unwrapFlag(err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return fmt.Errorf("%q: %w", invalid.GetValue(), invalid.Unwrap())
	}
	return err
}

// readPairs reads the keys of a file, each followed by its value.
func readPairs(name string) ([]*yaml.Node, error) {
	wrong := func(line int, err error) error { return &settingError{name, line, "", err} }
	file, err := os.Open(name)
	if err != nil {
		return nil, wrong(0, unwrapPath(err))
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxSettings+1))
	switch {
	case err != nil:
		return nil, wrong(0, unwrapPath(err))
	case len(raw) > maxSettings:
		return nil, wrong(0, errSettingsSize)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	var doc, more yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil // nothing, or comments
	case err != nil:
		return nil, wrong(0, err)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, wrong(more.Line, errSettingsForm)
	}
	top := doc.Content[0]
	switch {
	case top.Kind == yaml.ScalarNode && top.Tag == "!!null":
		return nil, nil
	case top.Kind != yaml.MappingNode:
		return nil, wrong(top.Line, errSettingsForm)
	}
	return top.Content, nil
}

// textsIn are the values that a node has.
func textsIn(n *yaml.Node) ([]string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return nil, errSettingEmpty
		}
		return []string{n.Value}, nil
	case yaml.SequenceNode:
		var list []string
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
				return nil, errSettingValue
			}
			list = append(list, item.Value)
		}
		if len(list) > 0 {
			return list, nil
		}
	}
	return nil, errSettingValue
}

func settingNames(flags *pflag.FlagSet) (names []string) {
	flags.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(notSettings, f.Name) {
			names = append(names, f.Name)
		}
	})
	return names
}

// writeSettings writes what is in force as a file of settings, with where it is from.
func writeSettings(w io.Writer, flags *pflag.FlagSet, from origins) error {
	out := &yaml.Node{Kind: yaml.MappingNode}
	flags.VisitAll(func(f *pflag.Flag) {
		if slices.Contains(notSettings, f.Name) {
			return
		}
		origin := from[f.Name]
		if origin == "" {
			origin = "default"
		}
		value := &yaml.Node{Kind: yaml.ScalarNode, Value: f.Value.String(), LineComment: origin}
		switch many, ok := f.Value.(pflag.SliceValue); {
		case ok:
			value.Kind, value.Value, value.Style = yaml.SequenceNode, "", yaml.FlowStyle
			for _, text := range many.GetSlice() {
				value.Content = append(value.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: text})
			}
		case value.Value == "":
			value.Style = yaml.SingleQuotedStyle
		}
		out.Content = append(out.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: f.Name}, value)
	})
	text, err := yaml.Marshal(out)
	if err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	_, err = w.Write(text)
	return err
}
