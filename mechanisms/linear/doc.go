// Package linear holds the policies that see a vector of features before they pull
// an arm, and take an arm's reward to be linear in it.
//
// [NewLinUCB] and [NewLinTS] are learners for one process. Gram matrices and vectors
// are kept as exact integers, as everything that adds up; what is solved with them
// is a Cholesky factor that follows the sums by rank-one updates.
//
// Source: policies 17.1, private-learning 6.
package linear
