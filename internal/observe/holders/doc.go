// Package holders finds, through /proc, who is in each network namespace, has
// it open or has it mounted.
//
// It reads links and attributes only: no namespace is entered and no file of
// another process is opened. Processes come and go meanwhile; one that is gone
// holds nothing.
package holders
