// Package store keeps what a node must not lose: one bbolt file, written by one
// goroutine that gathers the writes of many callers into one fsync.
//
// The other parts of the node do no I/O. They return [Write] values, and whoever
// holds both puts them here: [Store.Put] returns at once and keeps order;
// [Store.Sync] waits until everything put before it is on the disk. A write
// error is final: the store refuses everything after it, since the page cache may
// have dropped what it had.
package store
