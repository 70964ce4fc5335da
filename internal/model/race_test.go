//go:build race

package model

// slower is how much fewer histories there are under the race detector: nothing here
// runs beside something else.
const slower = 20
