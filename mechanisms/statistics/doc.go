// Package statistics holds what is shared, noised, summed and logged: additive
// statistics in integers.
//
// A [Set] is a list of named integer tensors in fixed point. Adding is exact,
// order does not matter, and the same numbers pass through noise, the network
// and the replicated log. A [Layout] says what one record may do to a set and
// which noise a block takes; [Door] is the one way by which noise enters. An
// [Information] is the part that the auction weighs.
//
// Nothing here knows which problem is learnt: that K numbers are K arms is known
// to package arms alone. Source: private-learning 1.3, policies 1.1.
package statistics
