package main

// serveShare is the part of what a report may take that the report of serve has, which
// records beside it.
const serveShare = 4
