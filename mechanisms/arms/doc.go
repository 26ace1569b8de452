// Package arms holds the policies that pull one of K arms and see a reward. It is
// the only package of Posse that knows what an arm is.
//
// [NewElimination] is the policy that many nodes learn together under a privacy
// model: robust elimination with public quotas; [NewSharedUniform] is its baseline,
// which drops nothing. [NewPrivateRobustUCB] is a reference that it beats. [NewAdaptiveUCB], [NewAdaptiveKLUCB] and
// [NewPrivateSuccessiveElimination] do the same for rewards of a range, and
// [NewLocalUCB] where every record is randomised on its own; a [Solo] is one of these
// in one process and without privacy. Nodes that differ lean on the shared model only
// as long as their own noisy sums can't tell ([Elimination.Own]).
//
// The others are learners for one process: [NewUCB1] (and [NewUCB1Batch] for many
// lanes), [NewKLUCB], [NewThompsonBeta], [NewThompsonGaussian], [NewEpsilonGreedy],
// [NewSoftmax], [NewEXP3], [NewExploreThenCommit], [NewSuccessiveElimination],
// [NewUniform], and [NewRobustUCB] for heavy tails. Ties go to the lowest arm.
//
// Source: private-learning 5 (after Tao, Wu, Zhao and Wang 2022 for the private
// elimination), policies 17.1.
package arms
