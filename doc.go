// Package posse holds the words that every part of Posse shares: the one error
// type, its codes and its reasons. It imports the standard library only, and
// nothing else may live here.
//
// Posse lets organisations learn together which option works best without
// showing anyone their users' outcomes. Start reading at ARCHITECTURE.md; the
// next package down is [github.com/posse-dev/posse/dp].
package posse
