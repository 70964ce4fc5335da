package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/nsblame/nsblame/findings"
)

// generator collects the definitions of all lines.
type generator struct {
	reflector jsonschema.Reflector
	defs      jsonschema.Definitions
	// types are the structs that have a definition.
	types map[string]reflect.Type
}

// generate returns the schema. It reads the comments of package findings,
// by a path from this directory, where go generate runs.
func generate() ([]byte, error) {
	g := &generator{defs: make(jsonschema.Definitions), types: make(map[string]reflect.Type)}
	g.reflector = jsonschema.Reflector{Anonymous: true, AllowAdditionalProperties: true, Mapper: g.mapped}
	pkg := reflect.TypeFor[findings.Head]().PkgPath()
	if err := g.reflector.AddGoComments(path.Join(pkg, "../internal/present/schemagen"), "../../../findings"); err != nil {
		return nil, fmt.Errorf("read the comments of package findings: %w", err)
	}
	root := &jsonschema.Schema{
		Version:     jsonschema.Version,
		Title:       "nsblame",
		Description: "A line that nsblame writes with --output json.",
		Definitions: g.defs,
	}
	for _, l := range findings.Lines {
		if ref := g.line(l); ref != nil {
			root.OneOf = append(root.OneOf, ref)
		}
	}
	g.allowNull()
	return indented(root)
}

// line defines a type of line. It returns a reference, nil for a struct that is
// known by the type of another line.
func (g *generator) line(l findings.LineType) *jsonschema.Schema {
	t := reflect.TypeOf(l.New()).Elem()
	_, known := g.defs[t.Name()]
	ref := g.define(t)
	properties := g.defs[t.Name()].Properties
	kind, _ := properties.Get("type")
	kind.Enum = append(kind.Enum, l.Type)
	version, _ := properties.Get("schema")
	version.Const = findings.Schema
	if known {
		return nil
	}
	return ref
}

// define adds a type and all that are in it.
func (g *generator) define(t reflect.Type) *jsonschema.Schema {
	s := g.reflector.ReflectFromType(t)
	for name, def := range s.Definitions {
		if _, known := g.defs[name]; !known {
			g.defs[name] = def
		}
	}
	g.note(t)
	return &jsonschema.Schema{Ref: s.Ref}
}

// note keeps the structs that are in a type, by name.
func (g *generator) note(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		g.note(t.Elem())
	case reflect.Struct:
		if g.types[t.Name()] != nil {
			return
		}
		g.types[t.Name()] = t
		for i := range t.NumField() {
			g.note(t.Field(i).Type)
		}
	}
}

// mapped returns the schema of types that have a form of their own in JSON.
func (g *generator) mapped(t reflect.Type) *jsonschema.Schema {
	switch {
	case t == reflect.TypeFor[findings.Time]():
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case t.PkgPath() == reflect.TypeFor[findings.Head]().PkgPath() && strings.HasPrefix(t.Name(), "Maybe["):
		value, _ := t.FieldByName("Value")
		if s := g.mapped(value.Type.Elem()); s != nil {
			return orNull(s)
		}
		return orNull(g.define(value.Type.Elem()))
	}
	return nil
}

// allowNull lets fields be null that are pointers and always there.
func (g *generator) allowNull() {
	for name, def := range g.defs {
		t := g.types[name]
		if t == nil {
			continue // not a struct
		}
		for _, f := range reflect.VisibleFields(t) {
			tag := f.Tag.Get("json")
			if f.Type.Kind() != reflect.Pointer || tag == "" || strings.Contains(tag, ",") {
				continue
			}
			if s, ok := def.Properties.Get(tag); ok {
				def.Properties.Set(tag, orNull(s))
			}
		}
	}
}

func orNull(s *jsonschema.Schema) *jsonschema.Schema {
	out := &jsonschema.Schema{Description: s.Description}
	s.Description = ""
	out.OneOf = []*jsonschema.Schema{s, {Type: "null"}}
	return out
}

func indented(s *jsonschema.Schema) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("encode the schema: %w", err)
	}
	return out.Bytes(), nil
}
