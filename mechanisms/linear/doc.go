// Package linear holds the policies that see a vector of features before they pull
// an arm, and take an arm's reward to be linear in it.
//
// [NewPrivateLinUCB] and [NewLocalLinUCB] are learnt by many nodes together, under
// silo and local privacy; nodes that differ lean on their own noisy sums once these
// can tell ([Shared.Own]). [NewLinUCB], [NewLinTS], [NewOFUL] and [NewHvtUCB] are learners
// for one process, the last two also for heavy tails.
//
// Gram matrices and vectors are exact integers, as everything that adds up; what is
// solved with them is a Cholesky factor, which learners keep by rank-one updates.
//
// Source: policies 17.1, private-learning 6.
package linear
