// Package verify is the outsider's replay of a transparency log: it needs the
// leaves, the signed checkpoints and the keys, and trusts nobody who wrote them.
//
// [Log] recomputes every hash and root, checks signatures, and then replays what
// the leaves say: the books, who was paid for what, that every report is signed by
// its node and is the one that was offered, that each version is exactly the sum of
// what was delivered, that grants follow from the committed seed, and, where bids
// are public, the auction itself. It shares with the coordinator the formats and
// the mathematics, and none of its code.
package verify
