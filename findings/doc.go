// Package findings has the types of nsblame's JSON: a struct for each type of
// line, and for each object in one. [Reader] reads the lines of a stream, [Decode] a
// single one. The package imports the standard library alone.
//
// Three habits hold for all of them:
//
//   - A pointer without omitempty is null where the value is not known. A field
//     with omitempty or omitzero is absent where it has nothing to say.
//   - A list is never null.
//   - A name that a traced process has chosen may be any bytes. Beside such a
//     field X stands XBase64, which is there only where X is not UTF-8: it has
//     the bytes, and X shows them escaped. [Bytes] and [List] take the right one
//     of the two.
package findings
