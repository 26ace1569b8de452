// Package arms holds the policies that pull one of K arms and see a reward. It is
// the only package of Posse that knows what an arm is.
//
// [NewElimination] is the policy that many nodes learn together under a privacy
// model: robust elimination with public quotas; [NewSharedUniform] is its baseline,
// which drops nothing. The others are learners for one process: [NewUCB1] (and
// [NewUCB1Batch] for many lanes), [NewKLUCB], [NewThompsonBeta],
// [NewThompsonGaussian], [NewEpsilonGreedy], [NewSoftmax], [NewEXP3],
// [NewExploreThenCommit], [NewSuccessiveElimination], [NewUniform] and
// [NewRobustElimination], elimination without privacy. Ties go to the lowest arm.
//
// Source: private-learning 5.3 and 5.4 (after Tao, Wu, Zhao and Wang 2022 for the
// private elimination), policies 17.1.
package arms
