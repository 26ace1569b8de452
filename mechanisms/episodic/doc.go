// Package episodic holds the policies of episodes: in each of H steps an action moves a
// user from one of S states to another and pays a reward, of which only a moment may
// be known. One episode is one record.
//
// [NewValueIteration] (UCBVI) and [NewPolicyOptimisation] (UCBPO) are learnt by many
// nodes together, under silo or local privacy. Both plan on noisy counts that
// [Consistent] turns into probabilities again, with optimism for what counts, noise and
// clipping leave open ([Planner]).
//
// Source: private-learning 7; Wu, Zhou, Chowdhury and Wang 2023; Qiao and Wang 2023 for
// the counts.
package episodic
