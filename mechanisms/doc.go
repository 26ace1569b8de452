// Package mechanisms holds the nouns of learning: what a policy is asked
// ([Round], [Context]), what it answers ([Action]), what comes back
// ([Feedback]), and the two interfaces that every policy is reached by.
//
// A [Learner] learns from records that it sees: typed, for libraries and
// simulations. A [Shared] is learnt by many nodes that show nobody a record: it
// says what one record may add ([Descriptor]), and concludes from sums that are
// already private ([Model]). Noise, privacy charges, transport and payment are
// outside of it, and none of them knows what the numbers mean.
//
// The package is pure: no I/O, no clock, randomness only as an argument. The
// algorithms are in the sub-packages, one folder a shape of action and feedback;
// [github.com/posse-dev/posse/mechanisms/catalogue] lists them by name.
package mechanisms
