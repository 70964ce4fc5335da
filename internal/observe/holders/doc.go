// Package holders finds, through /proc, who is in each network namespace, has
// it open or has it mounted.
//
// It reads links and attributes only. It enters no namespace and opens no file
// of another process. Processes come and go meanwhile; one that has ended holds
// nothing.
package holders
