// Package ldp holds local randomisers: what an application or a node does to one
// record before anybody else sees it. Each is ε-DP for any two inputs (replace).
//
// [Duchi], [Piecewise], [Hybrid], [Laplace] and [Staircase] take a number q in ±2^f
// and give an integer whose mean is [Mean].Gain times q, so that sums stay exact and
// unbiased; [KRR], [OUE] and [Hadamard] take one of k symbols. Probabilities are
// compared with random integers and rounded so that no likelihood ratio exceeds e^ε:
// the promise holds for what is drawn, not for a formula. [PrivUnit] takes a unit
// vector and works in floats, for simulations.
//
// [Best] chooses a randomiser of numbers, and [Bound] where to clip heavy tails
// before it.
//
// Source: private-learning 4.
package ldp
