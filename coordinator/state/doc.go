// Package state is what the replicas of a coordinator agree on: commands in, state
// out.
//
// A [Machine] applies the commands of the Raft log, one after the other, and gives
// each a [Result]. Equal commands lead to equal bytes on every replica: nothing
// here reads a clock, a random source, the scheduler or the order of a map, and no
// number is a float. Time, seeds and everything that was computed with floats
// (winners, payments, contributions, chances) come in as integers in the command;
// what can be added or drawn in integers the machine adds and draws itself, so that
// no leader can lie about it: sums of reports, grants, money.
//
// Readers call [Machine.View] and must change nothing. Every accepted command is
// one leaf of the transparency log ([Result.Leaf]); its public view holds no bid,
// invite or address. A command from a newer version, or a broken invariant of the
// books, stops the replica ([Result.Halt]) before anything is changed.
//
// Descriptors, claims and reports are opaque bytes here, except that sums add:
// which problem is learnt is unknown to this package. Source: distributed 4 and 5,
// incentives 2.4 and 3. The leader's half is
// [github.com/posse-dev/posse/coordinator/rounds].
package state
