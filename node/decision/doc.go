// Package decision is where an application's questions are answered and its
// rewards handed in: one [Desk] an experiment.
//
// A desk gives every decision a slot of the open leaf, the window's descriptor
// chooses, and a reward that comes back is bounded, randomised where the model
// asks for it, added to its leaf and forgotten. A leaf that has its quota of slots
// waits, still taking rewards, until a round asks for it ([Desk.Close]).
//
// The desk does no I/O and reads no clock: it returns [store.Write] values, and a
// reward may be acknowledged only when they are on the disk. It never shows a
// reward in an error. Next: [github.com/posse-dev/posse/node/guard] says who may
// teach, [github.com/posse-dev/posse/node/rounds] what happens to a closed leaf.
package decision
