// Command posse is the one binary: it parses, calls and prints, and does nothing
// else. Each subcommand is a file named after it.
//
// Results go to stdout, everything else to stderr. The exit status is 0 for work
// that was done, 1 for work that failed or a check that did not hold, 2 for bad
// usage or input, 130 and 143 after SIGINT and SIGTERM, and 0 for servers that
// were asked to stop and for a reader who closed the pipe.
package main
