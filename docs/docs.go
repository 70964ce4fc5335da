// Package docs holds those of the documents that nsblame prints.
package docs

import _ "embed"

// Schema is the JSON Schema of what nsblame writes with --output json. Package
// answer has the types that it is generated from.
//
//go:embed schema.json
var Schema []byte
