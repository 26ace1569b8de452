// Package transparency keeps what the state machine forgets: the leaves of the
// transparency log, and the signed heads over them.
//
// A [Log] takes the leaves that commands left, in their order, keeps them in one
// file of the replica's directory, and answers with leaves, roots and proofs. It is
// derived data: what a crash loses is applied again from the Raft log, and what a
// snapshot skipped is fetched from another replica and held to the snapshot's root
// ([Log.Missing], [Log.Fill]).
//
// A [Cosigner] gathers signatures over the newest head: each replica signs a root
// that it computed itself, and nothing else. The formats, and every check, are in
// [github.com/posse-dev/posse/protocols/checkpoint]; whoever verifies needs nothing
// from here.
package transparency
