// Package peer connects the processes of a cluster: who one is, whom one talks
// to, and over what.
//
// An [Identity] is an Ed25519 key whose hash is the peer id; both transports,
// QUIC v1 and TCP with Noise, prove it before a byte is exchanged, and nothing is
// ever sent in plain text. A [Book] says which peers exist, what role each plays
// and where it listens; it changes while the host runs, and a peer that loses its
// role loses its connections. A [Host] listens, refuses everybody else, and
// carries requests: [Serve] answers them, [Host.Request] asks. [Host.Handle] and
// [Host.Open] give the bare stream, which Raft wants.
//
// Sizes, counts and durations are those of package wire. There is no discovery,
// relay, hole punching or address guessing: an address comes from the book.
package peer
