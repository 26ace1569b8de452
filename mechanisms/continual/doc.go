// Package continual releases a sum again and again while it grows, with noise that is
// far less than fresh noise for each release would be.
//
// A [Design] says how noise is correlated over the leaves of a stream: [Fresh],
// [Tree] of any arity, [SquareRoot] or [BLT], and what each prefix's noise varies by,
// exactly. [Choose] takes the best for a horizon and says why. A [Stream] draws it:
// [Stream.Next] takes no data and returns the next increment of noise y, so that the
// release of leaf t is x_t + y_t, and sums of releases are what anybody can read.
// [Hybrid] is a stream without a horizon.
//
// A leaf is a report, not a record. The law of the noise comes from package dp/noise
// ([Design.GaussianLaw], [Design.LaplaceLaw]), and its cost is an event of
// package dp/account ([Design.Event]).
//
// Source: private-learning 3 and 3.1; Dwork, Naor, Pitassi and Rothblum 2010; Chan,
// Shi and Song 2011; Fichtenberger, Henzinger and Upadhyay 2023; McMahan and
// Pillutla 2025.
package continual
