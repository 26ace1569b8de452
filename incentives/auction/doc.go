// Package auction picks the cheapest offers that cover the wanted information and
// prices them so that, in one round and for its money, no node gains by bidding
// anything but its cost. Call [Settle]; an outsider checks with [Verify].
//
// Offers are taken greedily by information per credit until the target is covered.
// A winner is paid its critical price: the highest bid with which it would still have
// won, found in closed form from the run without it. All decisions are made on
// integers: a float is rounded once, at the gain ([Unit]), and everything after is
// 128-bit integer arithmetic, so that the result is exactly monotone, exactly
// individually rational, and recomputable.
//
// Nothing here looks at a node's own bid except the comparison itself: the reserve is
// announced before, the target is taken over all eligible offers, ties go to the
// smaller id. The package does not know whether claims are true; offers bound to
// reports by a hash make them so (spec/incentives.md 1.7).
//
// [Depends] tells who is pivotal, [Counterfactuals] what other bids would have brought.
// [SettleWithin] buys within a budget. [SettleFixedPrice], [SettleIncFedUCB] and
// [DisLinUCB] are baselines to compare with.
//
// Sources: Truth-FedBan (arXiv 2402.04485), Myerson 1981 and Archer and Tardos 2001
// for critical payments, Wolsey 1982 for the cost of greedy cover. Next down:
// [github.com/posse-dev/posse/mechanisms/statistics.Information].
package auction
