// Package rounds is the leader's half of a round: open → settle → collect → publish.
//
// [Leader.Step] takes an event and a read-only view of the replicated state and
// returns effects: propose this command, answer that node. It does no I/O and reads
// no clock; randomness and the check of signatures are handed in. Whatever decides
// what happens next is read from the state, so that a new leader goes on where the
// old one fell, in any step. What a leader keeps in memory is only what the nodes
// tell it again when it is lost: how far they are ([ReadyCame]), what they sent and
// is not committed yet, and the secret behind its own seed.
//
// At most one command of an experiment is in flight. Offers and reports that arrive
// meanwhile go into the next one together. The other half is the node's, which stays
// silent about anything but public clocks, releases and bids.
// Source: distributed 5.1, incentives 1.6 to 1.8 and 2.4.
package rounds
