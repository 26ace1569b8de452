package simnet

import (
	"strings"

	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet/dataset"
)

// Fields returns the table of everything that a scenario file may say, in the order of
// the file: the floor that reading, errors and [Template] stand on. Source:
// experiment-file 7.
func Fields() []experiment.Field {
	out := []experiment.Field{
		{Path: "apiVersion", Type: "word", Range: "posse/v1", Required: true, Meaning: "the version of this format"},
		{Path: "kind", Type: "word", Range: "Scenario", Required: true, Meaning: "what the file describes"},
		{Path: "metadata", Type: "block", Required: true},
		{Path: "metadata.name", Type: "name", Range: "[a-z]([a-z0-9-]{0,61}[a-z0-9])?", Required: true, Meaning: "the scenario's name", Hint: "write a name such as bernoulli-10"},
		{Path: "metadata.description", Type: "string", Range: "at most 1,000 characters", Default: "empty", Meaning: "shown on screens"},
		{Path: "experiment", Type: "block", Required: true, Meaning: "an experiment's blocks, or the path of an experiment file"},
	}
	out = append(out, experiment.EmbeddedFields("experiment")...)
	out = append(out,
		experiment.Field{Path: "policies", Type: "list", Range: "1 to 64 policies", Default: "the experiment's own", Meaning: "side by side, with common random numbers"})
	out = append(out, experiment.PolicyFields("policies")...)
	return append(out,
		experiment.Field{Path: "policies.label", Type: "string", Range: "1 to 64 printable characters", Default: "the policy's name", Meaning: "what results call it"},
		experiment.Field{Path: "learning", Type: "list", Range: "federated | alone | nonPrivate", Default: "[federated]", Meaning: "all nodes together, each by itself, together without noise"},
		experiment.Field{Path: "environment", Type: "block", Required: true},
		experiment.Field{Path: "environment.kind", Type: "word", Range: strings.Join(kindNames(), " | "), Required: true, Meaning: "where rewards come from"},
		experiment.Field{Path: "environment.means", Type: "list", Range: "[-1e12, 1e12]", Meaning: "the mean reward of each arm", Hint: "write one number an arm"},
		experiment.Field{Path: "environment.variances", Type: "list", Range: "(0, 1e24]", Meaning: "of gaussian rewards: one number, or one an arm", Hint: "write 1 for a start"},
		experiment.Field{Path: "environment.shape", Type: "number", Range: "(1, 1e6]", Meaning: "the tail index of pareto rewards; at most 2: no variance", Hint: "write 1.8 for heavy tails"},
		experiment.Field{Path: "environment.degrees", Type: "number", Range: "(1, 1e6]", Meaning: "the degrees of freedom of student-t rewards", Hint: "write 3 for heavy tails"},
		experiment.Field{Path: "environment.sigmas", Type: "list", Range: "(0, 10]", Meaning: "of lognormal rewards: the deviation of their logarithm, one number or one an arm", Hint: "write 1 for a start"},
		experiment.Field{Path: "environment.path", Type: "string", Range: "at most 4,096 characters", Meaning: "of data: the folder or file, from this file's folder or --data", Hint: "write the folder of the data set"},
		experiment.Field{Path: "environment.format", Type: "word", Range: strings.Join(formatNames(), " | "), Meaning: "of data: how the files are written", Hint: "write csv for a table with a header"},
		experiment.Field{Path: "environment.columns", Type: "block"},
		experiment.Field{Path: "environment.columns.arm", Type: "string", Range: "at most 64 characters", Default: "arm", Meaning: "the column or key of a logged decision's arm"},
		experiment.Field{Path: "environment.columns.reward", Type: "string", Range: "at most 64 characters", Default: "reward", Meaning: "of its reward"},
		experiment.Field{Path: "environment.columns.propensity", Type: "string", Range: "at most 64 characters", Default: "propensity", Meaning: "of the probability with which the arm was chosen"},
		experiment.Field{Path: "environment.columns.user", Type: "string", Range: "at most 64 characters", Default: "user", Meaning: "of the user: rows of one user stay at one node"},
		experiment.Field{Path: "environment.replacement", Type: "boolean", Range: "true | false", Default: "true", Meaning: "of data: false deals each row once, at most as many as there are"},
		experiment.Field{Path: "environment.uniformPropensity", Type: "boolean", Range: "true | false", Default: "false", Meaning: "of logged decisions: the logging policy chose uniformly, so that a propensity may be missing"},
		experiment.Field{Path: "environment.maxRefused", Type: "number", Range: "[0, 1)", Default: "0.001", Meaning: "of data: the largest share of bad rows that is left out; with more nothing is loaded"},
		experiment.Field{Path: "nodes", Type: "block"},
		experiment.Field{Path: "nodes.count", Type: "integer", Range: "[1, 1000000]", Default: "1; of data with nodes.by, one a group", Meaning: "organisations that learn together"},
		experiment.Field{Path: "nodes.by", Type: "block"},
		experiment.Field{Path: "nodes.by.column", Type: "string", Range: "at most 64 characters", Meaning: "a node for every value of a column of the data", Hint: "write the name of a column"},
		experiment.Field{Path: "nodes.by.prefix", Type: "integer", Range: "[1, 1000]", Meaning: "or: for every beginning, so many characters long, of an instance, subject or user", Hint: "write a number of characters"},
		experiment.Field{Path: "nodes.by.hash", Type: "string", Range: "at most 64 characters", Meaning: "or: nodes.count nodes by the hash of a column's value", Hint: "write the name of a column"},
		experiment.Field{Path: "nodes.sizes", Type: "list", Range: "(0, 1e9]", Default: "equal", Meaning: "each node's share of the decisions, relative to the others"},
		experiment.Field{Path: "nodes.cost", Type: "list", Range: "[0, 1e6]", Default: "1", Meaning: "what a node's part in a round costs it, in credits: what it bids; one number, or one a node"},
		experiment.Field{Path: "nodes.skew", Type: "number", Range: "[0, 1e6]", Default: "0", Meaning: "how far a node's means may lie from environment.means, drawn evenly and once for all runs"},
		experiment.Field{Path: "nodes.honesty", Type: "list", Range: "[0, 100]", Default: "1", Meaning: "the factor on its true cost that a node bids; one number, or one a node"},
		experiment.Field{Path: "nodes.availability", Type: "list", Range: "[0, 1]", Default: "1", Meaning: "the chance that a node can be reached in a round; one number, or one a node"},
		experiment.Field{Path: "nodes.churn", Type: "list", Range: "[0, 1]", Default: "0", Meaning: "the chance that, before a round, a newcomer with nothing learnt takes a node's place; one number, or one a node"},
		experiment.Field{Path: "sweep", Type: "block", Meaning: "from paths of fields to lists of values: all combinations are simulated, at most 10,000"},
		experiment.Field{Path: "record", Type: "list", Range: "[1, 1e12]", Default: "powers: 1, 2, 5 × 10^k and the horizon", Meaning: "the times that a curve has points at"},
		experiment.Field{Path: "runs", Type: "integer", Range: "[1, 1e7]", Default: "100", Meaning: "independent repetitions"},
		experiment.Field{Path: "seed", Type: "integer", Range: "[0, 9223372036854775807]", Default: "1", Meaning: "fixes every draw"},
	)
}

func formatNames() []string {
	var out []string
	for _, f := range dataset.Formats() {
		out = append(out, string(f))
	}
	return out
}
