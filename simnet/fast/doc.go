// Package fast simulates a scenario without a network: the platform's own policies,
// noise, accounting, auction, contributions and schedule, called and not rewritten.
//
// [Run] plays independent runs on all cores. A draw is a function of seed, run, node,
// time and purpose (a counter-based stream), so policies meet the same luck and no
// generator has a state; what reaches a result is an integer that is added, so that
// workers, chunks, shards and resumes can't change a byte ([State], [Merge]).
//
// A scenario of one node without privacy drives Learners in tiles of steps, many runs
// at once. A scenario of several nodes, or of privacy, plays whole federations
// ([Learn]): what is not sold stays on offer and versions are granted late, as on the
// platform. It has no clock: grants after the last version are drawn once a round's
// decisions, every node is always there, and nobody's message is lost.
package fast
