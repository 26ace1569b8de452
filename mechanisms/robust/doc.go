// Package robust estimates means whose samples have heavy tails: only a moment
// E|X|^p ≤ u of some order p in (1, 2] is assumed.
//
// Start with [Clipping], the ledger of a sum of clipped records: it adds up over
// reports made at different bounds and with different noise, and it is the only
// estimator that private statistics can use. [BestBound] chooses the bound, and
// [Counted] is the same where counts are noisy, too. Neither ever sees a record.
//
// [Truncated], [Clipped], [MedianOfMeans], [Catoni], [CatoniOrder], [Huber] and
// [Trimmed] read observations: they are for one's own numbers, and [EstimateTail]
// says which moments those have. Where nobody knows a moment, [EstimateScale] takes
// a bound from a private histogram of magnitudes, without a guarantee.
//
// Source: private-learning 1 and 2; Bubeck, Cesa-Bianchi and Lugosi 2013; Catoni 2012.
package robust
