// Package page lays a report out as one HTML file, to open in a browser, to mail or to
// print. It is a pure function of the report. The words are those of package render.
//
// # One file
//
// The file refers to nothing outside of itself. Its Content-Security-Policy forbids the
// network, and every script but the one that belongs to it, which it knows by its hash.
// Strings of the watched processes are escaped twice: render leaves no byte that does not
// show, and markup escapes the rest.
//
// # Without script
//
// Tables, chains, histograms, a timeline and the commands are plain HTML and SVG. The
// script adds what a picture cannot do: zoom into the timeline, say what lies below the
// pointer, and copy a command. Nothing is in the page that only the script shows, but for
// single lives. A chart library would be of some 100 KB in each file, and none of them draws
// 100,000 bars with the keyboard and for a screen reader; the script has 300 lines.
package page
