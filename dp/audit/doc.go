// Package audit tries to break promises of privacy and says, at a stated
// confidence, by how much they are broken.
//
// A [Game] plays a mechanism with and without one unit, chooses an event on one
// half of the plays and bounds ε from below on the other ([LowerBound]). A [Canary]
// does so for a whole system, from several vantages at once. [OneRun]
// bounds ε from a single run with many planted canaries, [OneRunGDP] the μ of
// Gaussian differential privacy. A bound above the claim is a violation; one below
// it is "not disproved", never "proved".
//
// [Bugs] is a list of mechanisms that are broken in known ways, each beside the
// whole one: an audit that does not tell them apart is no audit.
//
// No I/O, no clock; randomness is an argument. Sources: Bichsel, Steffen, Bogunovic,
// Vechev 2021 (events); Steinke, Nasr, Jagielski 2023 (one run); Mahloujifar, Melis,
// Chaudhuri 2024 (one run, f-DP).
package audit
