// Package budget decides whether a release may happen.
//
// A [Filter] holds a limit and what was charged against it. [Filter.Charge] either
// records a spend and returns a [Permit], or returns an error behind which is
// [ErrExhausted] and records nothing. A release takes a Permit, which works once,
// so that nothing can be released before it is charged.
//
// [UserLimit] does the same for each of a million pseudonyms: one limit of a user
// across all experiments beside each experiment's own. [Release] gathers what the
// records of one report were charged and gives the one permit for it.
//
// Spends are integers, rounded against the spender, and only ever grow: there are
// no refunds. The package keeps nothing on disk; whoever does writes a charge
// before he draws noise and calls Restore when he starts again, which never
// forgets a spend, even one beyond the limit.
//
// [NewRenyiFilter] adds up at one Rényi order, [GaussianFilter] Gaussian noise on
// reals; [Windows] has a limit for each window of time besides; [Odometer] and
// [Ladder] show a running bound where no limit was set. [Split] divides a limit.
//
// The filters are valid for spends that are chosen adaptively: Whitehouse, Ramdas,
// Rogers, Wu 2023; Feldman and Zrnic 2021. A bound that is the best of several
// accountants is not such a filter, and there is none here.
package budget
