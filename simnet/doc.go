// Package simnet holds what a simulation or a demo is made of: the traffic of
// organisations whose users and outcomes are known, so that what learning brought
// can be compared with what would have been.
//
// [Traffic] is a fixed list of decisions to be made, with the reward of every arm.
// The same traffic goes through the real platform, and through
// [github.com/posse-dev/posse/simnet/fast], which learns on it without a network.
// Data sets come from [github.com/posse-dev/posse/simnet/dataset].
//
// [Scenario] is what a researcher simulates: a strict file that embeds an experiment
// unchanged, and says which policies, nodes and environment, how many runs and which
// seed. It knows nothing of the engine that runs it.
package simnet
