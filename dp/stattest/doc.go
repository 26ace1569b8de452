// Package stattest holds the few hypothesis tests that Posse's tests and audits
// use. Each takes the false alarm that it may have, that is the chance of rejecting
// a true hypothesis, and says what it found in a [Result].
//
// Tests of the repository use fixed seeds and a false alarm of at most 1e-6, and
// stand beside a planted twin, a slightly wrong sampler, that must be rejected. Do
// not use a test whose power at that sample size is unknown: a test that cannot
// fail proves nothing.
//
// Pure functions; special functions come from gonum.
package stattest
