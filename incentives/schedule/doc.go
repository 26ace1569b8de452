// Package schedule says which nodes may fetch which version: fresher models for those
// whose information is worth more, and every version for everybody in the long run.
//
// [FairEqual] turns contributions into a probability for each node, [Quotas] rounds
// them to integers that sum exactly, and [Draw] picks exactly that many nodes from a
// seed that nobody could choose ([Seed]). While [Exploring], everyone gets every
// version; [Overdue] bounds how long luck can keep a node waiting.
//
// The package has two halves. Draws, seeds and bounds (draw.go, seed.go, explore.go)
// are integers and hashes alone: the replicated state machine may call them. The
// probabilities and measures (fair_equal.go, kinds.go, softmax.go, quotas.go,
// measure.go) are floats: a leader computes them, the log carries the integer quotas,
// an auditor computes them again within a tolerance.
//
// Source: Fair yet asymptotically equal collaborative learning (arXiv 2306.05764),
// with marginals of closed form and a floor instead of its successive draw
// (spec/incentives.md 2.4). Contributions come from
// [github.com/posse-dev/posse/incentives/contribution].
package schedule
