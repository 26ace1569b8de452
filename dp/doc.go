// Package dp holds the nouns of differential privacy: who is trusted ([Model]),
// whose data a guarantee is about ([Unit]), which two data sets it compares
// ([Relation]), what an experiment promises ([Params]) and what a release costs
// ([Spend]). It has no algorithms.
//
// Privacy parameters are read from their decimal text into exact rationals and
// never pass through float64: 0.1 as a float64 is more than a tenth, and
// 0.1+0.1+0.1 > 0.3 would refuse a legal spend. Spends are whole numbers of
// nano-ε, pico-ρ and atto-δ, rounded against the spender, so that replicas agree
// to the last bit.
//
// The package does no I/O, reads no clock and draws no randomness. Read next:
// [github.com/posse-dev/posse/dp/noise] (what is drawn),
// [github.com/posse-dev/posse/dp/budget] (whether a release may happen),
// [github.com/posse-dev/posse/dp/account] (what releases cost together).
package dp
