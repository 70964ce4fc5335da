// Package report groups the creations of network namespaces by their root
// cause, and says of each cause how often and how regularly it acts, what that
// costs, and what ends it.
//
// It is a pure function of the stream of events and of the attributions that package
// blame makes of it. Strings in a Report are as raw as those of the events.
package report
