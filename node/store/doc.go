// Package store keeps what a node must not lose: a journal, written by
// one goroutine that gathers the writes of many callers into one sync, and a bbolt
// file into which a journal is moved when it has grown.
//
// The other parts of the node do no I/O. They return [Write] values, and whoever
// holds both puts them here: [Store.Put] returns at once and keeps order;
// [Store.Sync] waits until everything put before it is on the disk. A write
// error is final: the store refuses everything after it, since the page cache may
// have dropped what it had. A batch that a crash cut is as if it had not begun, but
// for the charges in it: these cost budget all the same. See docs/adr/0017.
package store
