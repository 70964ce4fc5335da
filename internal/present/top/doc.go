// Package top has the screen of nsblame top: the first screen of a report, which is kept
// up to date, and what is known of each cause.
//
// It is a pure function of the reports and the keys that it is given. Where reports come
// from, and what asks for others, is behind Feed.
package top
