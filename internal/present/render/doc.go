// Package render puts findings into words for people, and into JSON for
// programs. Each printer is a finding.Consumer.
//
// It is a pure function of the findings: it writes to an io.Writer, and consults
// neither a clock nor the machine. Times are shown in the zone of the machine
// that was observed.
//
// # Strings
//
// Command lines, names and paths are chosen by the processes that are watched,
// and may hold any byte but NUL. This package is the only place that makes
// them safe to look at.
//
// In text everything that isn't printable is escaped: \n, \t and \r, \xNN for
// other control bytes and for bytes that aren't UTF-8, \uNNNN or \UNNNNNNNN for
// other code points that don't show or that reorder what does (C1 controls,
// bidirectional and zero-width characters), \\ for the backslash itself.
// Command lines are quoted for a shell, with $'…' where an escape is needed, so
// that where one argument ends is plain to see and the line can be pasted.
//
// In JSON every byte can be recovered. A string that is valid UTF-8 is a plain
// JSON string. One that isn't is given in the escaped form above, and a field
// beside it, named <field>_base64, holds its bytes; argv_base64 is the whole
// list. Those fields are absent where they aren't needed, and are to be
// preferred where they are there. What a terminal would act upon is written as
// \uNNNN, which JSON parsers undo.
package render
