// Package noise draws the integers that protect people, exactly.
//
// Begin with [LaplaceFor] or [GaussianFor], which calibrate noise to a spend, or
// [NewDiscreteLaplace] and [NewDiscreteGaussian], which take its scale; then Fill
// a vector. No float stands between the parameter's decimal text and the sample:
// the law of a sample is the stated one, not an approximation of it. The proofs
// lie beside the code (discrete_laplace.md, discrete_gaussian.md, uniform.md).
//
// Randomness is an argument, a [Source]. [Secure] is what a deployed process
// uses; [Seeded] and [Philox] exist for simulation and tests, are other types, and
// a config that asks for a Secure cannot be given one. [Float64], [Normal] and
// [Exponential] are for simulated worlds only and protect nobody.
//
// [Encoding] turns bounded reals into the integers that are noised and knows the
// sensitivity of the rounded ones.
//
// No I/O but the system's randomness behind Secure, no clock.
// Source: Canonne, Kamath, Steinke 2020, "The Discrete Gaussian for Differential
// Privacy"; von Neumann 1951 for the exponential.
package noise
