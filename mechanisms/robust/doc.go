// Package robust estimates means whose samples have heavy tails: only a moment
// E|X|^p ≤ u of some order p in (1, 2] is assumed.
//
// Start with [Clipping], the ledger of a sum of clipped records: it adds up over
// reports made at different bounds and with different noise, and it is the only
// estimator that private statistics can use. [BestBound] chooses the bound. The
// package never sees a record.
//
// Source: private-learning 1.1 to 1.3; Bubeck, Cesa-Bianchi and Lugosi 2013 for
// the truncated mean that it follows.
package robust
