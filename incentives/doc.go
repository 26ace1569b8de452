// Package incentives holds the nouns of trade: what a node asks for its report
// ([Offer]) and the money it asks in ([Credits]).
//
// The algorithms are below it: auction picks the cheapest offers that cover the
// wanted information and prices them so that bidding one's cost is best;
// contribution says what each node's information was worth; schedule says who may
// fetch which version when; books keeps the accounts. All are pure: no I/O, no
// clock, no goroutine that outlives a call. Read auction first.
//
// Money is counted in whole micro-credits and never rounded. Information is measured
// in nats of log determinant, see [github.com/posse-dev/posse/mechanisms/statistics].
// Sources: Truth-FedBan (arXiv 2402.04485), Fair yet asymptotically equal
// collaborative learning (arXiv 2306.05764).
package incentives
