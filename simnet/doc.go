// Package simnet holds what a simulation or a demo is made of: the traffic of
// organisations whose users and outcomes are known, so that what learning brought
// can be compared with what would have been.
//
// [Traffic] is a fixed list of decisions to be made, with the reward of every arm.
// The same traffic goes through the real platform, and through
// [github.com/posse-dev/posse/simnet/fast], which learns on it without a network.
// Data sets come from [github.com/posse-dev/posse/simnet/dataset].
package simnet
