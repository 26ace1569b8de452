// Package consensus keeps one list of commands on several replicas.
//
// [Open] starts a replica: hashicorp/raft over the streams of package peer, with a
// raft-wal log behind a wrapper that trusts no byte of the disk. Commands go in by
// [Consensus.Propose] and come out, in the same order on every replica, at the
// [Machine]. A read that must see every acknowledged command waits for
// [Consensus.ReadPoint] first.
//
// A command whose fate is not known ends with [ErrUnknownOutcome]: the caller
// sends the same command again, and the machine counts it once. A log that lost or
// changed an entry is refused at start, with the entry's index; such a replica must
// not vote. DESIGN.md beside this file says why each of these is so.
package consensus
