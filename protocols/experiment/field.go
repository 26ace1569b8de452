package experiment

import "strings"

// Field is one row of the table of everything that an experiment file may say.
type Field struct {
	Path     string // as written in messages: privacy.epsilon
	Type     string // number, integer, credits, duration, word, boolean, string, name, list or block
	Range    string // the allowed interval or words, as messages print it
	Default  string // the default in words; empty when the field is required or a block
	Required bool   // always required; some others are required by another field
	Mutable  bool   // a running experiment takes a change of it
	Meaning  string // one line
	Hint     string // what to write instead of a bad value, where the default doesn't say it
}

// Fields returns the table in the order of the file. It is the floor that reading,
// error messages, [Template] and the reference stand on, so that none of them can
// say another range. Source: experiment-file 2, the fields from issue 01.
func Fields() []Field {
	return []Field{
		{Path: "apiVersion", Type: "word", Range: "posse/v1", Required: true, Meaning: "the version of this format"},
		{Path: "kind", Type: "word", Range: "Experiment", Required: true, Meaning: "what the file describes"},
		{Path: "metadata", Type: "block", Required: true},
		{Path: "metadata.name", Type: "name", Range: nameRange, Required: true, Meaning: "unique in a cluster for ever", Hint: "write a name such as dosing-2"},
		{Path: "metadata.description", Type: "string", Range: "at most 1,000 characters", Default: "empty", Mutable: true, Meaning: "shown on screens"},
		{Path: "horizon", Type: "integer", Range: "[1, 1e12]", Required: true, Meaning: "decisions of all nodes together, at least the number of arms", Hint: "write the number of decisions that all nodes will make, such as 100000 or 1e5"},
		{Path: "node", Type: "block"},
		{Path: "node.pooling", Type: "word", Range: "shared | partial", Default: "shared", Meaning: "partial: a node follows its own noisy statistics instead of the shared model where they differ clearly"},
		{Path: "node.localModel", Type: "word", Range: "private | raw", Default: "private", Meaning: "raw: a node's choices may read its own raw sums"},

		{Path: "problem", Type: "block", Required: true},
		{Path: "problem.kind", Type: "word", Range: "arms", Required: true, Meaning: "what a decision is"},
		{Path: "problem.arms", Type: "list", Range: "1 to 1,024 distinct names of 1 to 64 printable characters, or their number", Required: true, Meaning: "the options, by name", Hint: "write names such as [low, medium, high]"},

		{Path: "reward", Type: "block", Required: true},
		{Path: "reward.range", Type: "list", Range: "[lo, hi] with lo < hi, each in [-1e12, 1e12]", Meaning: "rewards lie in it; give this or reward.moment", Hint: "write the least and the largest reward, such as [0, 1]"},
		{Path: "reward.clip", Type: "boolean", Range: "true | false", Default: "false", Meaning: "true clips what lies outside reward.range, false refuses it"},
		{Path: "reward.moment", Type: "block"},
		{Path: "reward.moment.order", Type: "number", Range: "(1, 2]", Meaning: "p, for heavy tails: E|X|^p is at most the bound", Hint: "use 2 where the variance is finite, 1.5 for heavier tails"},
		{Path: "reward.moment.bound", Type: "number", Range: "(0, 1e12]", Meaning: "the bound on the raw moment; larger rewards are truncated, never refused", Hint: "write a bound on the mean of the absolute reward to this power"},
		{Path: "reward.deadline", Type: "duration", Range: "(0s, 8760h]", Default: "168h", Meaning: "a later reward is not counted"},

		{Path: "policy", Type: "block", Required: true},
		{Path: "policy.name", Type: "word", Range: strings.Join(policyNames(), " | "), Required: true, Meaning: "how arms are chosen"},
		{Path: "policy.params", Type: "block"},
		{Path: "policy.params.bonus", Type: "word", Range: "tight | tuned", Default: "tuned, or tight where policy.guarantee is required", Meaning: "which confidence radius; tuned has no guarantee"},
		{Path: "policy.params.kappa", Type: "number", Range: "(0, 10]", Default: "0.1, or 0.25 under local", Meaning: "factor on the tight radius, with bonus tuned only"},
		{Path: "policy.guarantee", Type: "word", Range: "none | required", Default: "none", Meaning: "required refuses what has no proof"},

		{Path: "privacy", Type: "block", Required: true},
		{Path: "privacy.model", Type: "word", Range: "local | silo", Required: true, Meaning: "who is trusted with what"},
		{Path: "privacy.unit", Type: "word", Range: "reward | user", Required: true, Meaning: "what is protected: one record, or all of one pseudonym"},
		{Path: "privacy.epsilon", Type: "number", Range: "(0, 20]", Required: true, Mutable: true, Meaning: "privacy loss over the whole horizon; a running experiment may lower it", Hint: "use 1 for a first try; smaller is more private"},
		{Path: "privacy.delta", Type: "number", Range: "[0, 1e-3]", Default: "0", Meaning: "more than 0 for Gaussian noise; 0 is pure epsilon"},
		{Path: "privacy.maxContributions", Type: "integer", Range: "[1, 1e6]", Meaning: "records of one user that are learnt from; required with unit user, refused otherwise", Hint: "write how many records of one user are learnt from, such as 10"},
		{Path: "privacy.arrival", Type: "word", Range: "public | private", Default: "public for quota policies with unit reward, else private", Meaning: "may it be known that a decision was rewarded?"},
		{Path: "privacy.mechanism", Type: "word", Range: "auto | discrete-laplace | discrete-gaussian", Default: "auto", Meaning: "the noise; auto is discrete-laplace"},
		{Path: "privacy.fractionBits", Type: "integer", Range: "[4, 40]", Default: "16", Meaning: "f: a record is an integer of at most 2^f"},

		{Path: "rounds", Type: "block"},
		{Path: "rounds.trigger", Type: "block", Mutable: true},
		{Path: "rounds.trigger.decisions", Type: "integer", Range: "[1, 1e9]", Default: "a fiftieth of the horizon, rounded up", Mutable: true, Meaning: "a round opens each time the nodes made so many decisions"},
		{Path: "rounds.trigger.every", Type: "duration", Range: "[1s, 8760h]", Mutable: true, Meaning: "or: a round opens on this clock", Hint: "write a duration such as 1h"},
		{Path: "rounds.deadline", Type: "duration", Range: "[100ms, 24h]", Default: "5s", Mutable: true, Meaning: "of a whole round; offers by 0.4 of it"},
		{Path: "rounds.minContributors", Type: "integer", Range: "[1, 10000]", Default: "1", Mutable: true, Meaning: "with fewer the round is aborted"},
		{Path: "rounds.maxRecords", Type: "integer", Range: "[1, 1e9]", Default: "1e6", Meaning: "most decisions whose records one report of one node holds"},

		{Path: "incentives", Type: "block"},
		{Path: "incentives.payments", Type: "word", Range: "truthful | none", Default: "truthful", Meaning: "how nodes are paid for what they learnt"},
		{Path: "incentives.coverage", Type: "number", Range: "(0, 1]", Default: "0.7", Meaning: "share of the information that a round buys"},
		{Path: "incentives.threshold", Type: "number", Range: "(0, 1]", Meaning: "or: the determinant ratio that a round reaches", Hint: "use incentives.coverage unless a determinant ratio is wanted"},
		{Path: "incentives.reserve", Type: "credits", Range: "(0, 1e6]", Mutable: true, Meaning: "highest price of one report, in credits; required with payments truthful", Hint: "write the most that one report is worth, such as 10"},
		{Path: "incentives.budget", Type: "credits", Range: "(0, 1e9]", Mutable: true, Meaning: "booked from the sponsor when applied; may grow; required unless payments is none", Hint: "write what may be spent in all, such as 1000"},
		{Path: "incentives.bids", Type: "word", Range: "commitments | public", Default: "commitments", Meaning: "what the public log holds"},
		{Path: "incentives.contribution", Type: "block"},
		{Path: "incentives.contribution.minExplore", Type: "integer", Range: "[1, 1e9]", Default: "30, at most maxExplore", Meaning: "versions that every node gets at first, at least"},
		{Path: "incentives.contribution.maxExplore", Type: "integer", Range: "[1, 1e9]", Default: "a fifth of the expected versions (30 on a clock), at least minExplore", Meaning: "and at most"},
		{Path: "incentives.schedule", Type: "block"},
		{Path: "incentives.schedule.kind", Type: "word", Range: "fair-equal | everyone", Default: "fair-equal", Meaning: "who gets which version when"},
		{Path: "incentives.schedule.equality", Type: "number", Range: "(0, 100]", Default: "0.2", Meaning: "larger is more equal, smaller follows contribution"},
		{Path: "incentives.schedule.grantsPerVersion", Type: "integer", Range: "[1, 10000]", Default: "four tenths of the nodes, rounded down, at least 1", Meaning: "nodes that get a new version at once"},
		{Path: "incentives.schedule.floor", Type: "number", Range: "[0, 1]", Default: "0.05, at most grantsPerVersion over the nodes", Meaning: "every node's least chance of a version"},
		{Path: "incentives.schedule.redrawEvery", Type: "duration", Range: "[100ms, 8760h]", Default: "ten times rounds.deadline", Mutable: true, Meaning: "clock of the grants after the last version"},
	}
}

// nameRange is what a name may look like.
const nameRange = "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"

// words splits the range of a word field.
func (f Field) words() []string { return strings.Split(f.Range, " | ") }

// advice says what to do about a bad value of the field.
func (f Field) advice() string {
	if f.Hint == "" && f.Default != "" {
		return "leave it out for the default: " + f.Default
	}
	return f.Hint
}
