// Package environment holds worlds: where the rewards of a simulation or of a
// demo come from.
//
// A [World] draws an [Instance], which is one patient, visitor or problem and
// fixes the reward of every arm for it at once. Policies that are compared can
// therefore meet the same instances and differ by their choices only. Means and
// absolute moments are exact (closed forms, or quadrature to about ten digits),
// so that regret and the moment bounds of heavy-tailed policies are known
// instead of estimated.
//
// Generators ([Bernoulli], [Gaussian], [Pareto], [StudentT], [Lognormal], [Stable],
// [Mixture], [Solver]) draw from laws; [Table], [Deck] and [Logged] draw from rows that
// somebody recorded. A [Contextual] world shows features before the decision:
// [Linear], with one of the [Noise] laws. An [MDP] moves a user through the states of
// an episode: [NewRiverSwim], [NewChain], [NewRandomMDP], [NewDosing], [NewQueue].
// Reading recorded rows from files is in simnet/dataset: this package does no input or
// output, and its only randomness is the source that is handed in. Start at [ChoosingASolver], the world of the demo.
package environment
