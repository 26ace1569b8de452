package noise

import "math/rand/v2"

// The functions of this file are for worlds that are simulated and choices that are
// drawn: rewards, contexts, posterior samples. They are floats with the usual
// holes (Mironov 2012) and must never be added to data that they are to protect.

// Float64 returns a multiple of 2^−53, uniform on [0, 1). Not for noise that
// protects people.
func Float64(src Source) float64 { return float64(src.Uint64()>>11) * 0x1p-53 }

// Normal returns a variate of mean 0 and variance 1. Not for noise that protects
// people.
func Normal(src Source) float64 { return rand.New(src).NormFloat64() }

// Exponential returns a variate of mean 1. Not for noise that protects people.
func Exponential(src Source) float64 { return rand.New(src).ExpFloat64() }
