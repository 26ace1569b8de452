// Package contribution says what each node's information was worth: its Shapley
// value, the mean of what it adds to the nodes before it over all orders of joining.
// Call [Shapley] with what was published before a round and what each eligible node
// offered.
//
// The worth of a coalition is the information that it would bring, in nats, of the
// noisy statistics that everybody may know; [Game] takes any other worth, such as the
// fall of a validation loss. Values are exact for arms at any number of nodes (by a
// quadrature) and for other games up to 20 nodes; [Sample] estimates them beyond, and
// says how well. [Mean] averages rounds, in integers of 2^-32 nat as the log has them.
//
// In a paid round the game is played over all eligible offers, chosen or not, so that
// a low bid buys no contribution and thereby no fresher model.
// Sources: Shapley 1953; arXiv 2306.05764; spec/incentives.md 2.2, 2.3. Next down:
// [github.com/posse-dev/posse/mechanisms/statistics.Information].
package contribution
