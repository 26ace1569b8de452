// Package rounds is the node's half of a round: offer, report, fetch.
//
// [Rounds.Step] takes an event (what the leader shows, what the node has made) and
// returns effects: release this leaf, send that offer. It does no I/O, reads no
// clock and keeps nothing that a restart would miss: what was released, and the
// exact bytes of the last offer, come back from the store.
//
// A leaf is released once. What was not bought stays on offer, the same bytes
// under its own window's descriptor, until it is. Only public things decide
// whether, when and what is sent: quotas, round numbers, deadlines, and which
// leaves the guard let go. The other half is
// [github.com/posse-dev/posse/coordinator/rounds].
package rounds
