package demo

// Summary is what `posse demo -o json` prints: the keys of the contract, schema
// posse/demo/v1.
type Summary struct {
	Schema        string        `json:"schema"`
	Experiment    string        `json:"experiment"`
	Replicas      int           `json:"replicas"`
	LeaderChanges int           `json:"leaderChanges"`
	Decisions     int           `json:"decisions"`
	Rewards       int           `json:"rewards"`
	Rounds        Rounds        `json:"rounds"`
	Policy        string        `json:"policy"`
	Bonus         string        `json:"bonus"`
	Privacy       Privacy       `json:"privacy"`
	Learning      Learning      `json:"learning"`
	Nodes         []NodeSummary `json:"nodes"`
	Books         Books         `json:"books"`
	Payments      Payments      `json:"payments"`
	Log           Log           `json:"log"`
	Words         []string      `json:"words"`
}

// Rounds counts rounds by what became of them.
type Rounds struct {
	Opened    uint64 `json:"opened"`
	Published uint64 `json:"published"`
	Aborted   uint64 `json:"aborted"`
	// NotBought counts offers of published rounds that were not bought in them;
	// GrantedLate counts grants of a version after its first draw.
	NotBought   uint64 `json:"notBought"`
	GrantedLate uint64 `json:"grantedLate"`
	// AtReserve counts payments at the reserve, out of Payments.
	Payments  uint64 `json:"payments"`
	AtReserve uint64 `json:"atReserve"`
}

// Privacy is the promise.
type Privacy struct {
	Model            string  `json:"model"`
	Unit             string  `json:"unit"`
	Epsilon          float64 `json:"epsilon"`
	Delta            float64 `json:"delta"`
	MaxContributions int64   `json:"maxContributions"`
	UsersAtLimit     float64 `json:"usersAtLimit"` // share of all users who have given all they may
}

// Learning is what it brought, in mean reward per decision.
type Learning struct {
	MeanReward float64   `json:"meanReward"`
	FinalArm   *string   `json:"finalArm"` // nil while several are alive
	Baselines  Baselines `json:"baselines"`
}

// Baselines are mean rewards on the same traffic; Alone is by node, in the order
// of nodes.
type Baselines struct {
	Uniform      float64   `json:"uniform"`
	Alone        []float64 `json:"alone"`
	NonPrivate   float64   `json:"nonPrivate"`
	BestFixedArm float64   `json:"bestFixedArm"`
}

// Spend is an (ε, δ).
type Spend struct {
	Epsilon float64 `json:"epsilon"`
	Delta   float64 `json:"delta"`
}

// NodeSummary is one organisation.
type NodeSummary struct {
	ID           string  `json:"id"`
	Decisions    int     `json:"decisions"` // known only in a demo
	MeanReward   float64 `json:"meanReward"`
	Spent        Spend   `json:"spent"` // of its worst user, rounded up
	Remaining    Spend   `json:"remaining"`
	Paid         int64   `json:"paid"`         // micro-credits
	Contribution float64 `json:"contribution"` // share of all, in [0, 1]
	Version      uint64  `json:"version"`      // that it decides with
	Users        uint64  `json:"users"`
	UsersAtLimit uint64  `json:"usersAtLimit"`
	Refused      uint64  `json:"refused"` // releases that its guard refused
	Chosen       uint64  `json:"chosen"`
	Offered      uint64  `json:"offered"`
}

// Books says whether every booking adds up.
type Books struct {
	Balanced bool  `json:"balanced"`
	Paid     int64 `json:"paid"` // micro-credits, to all nodes
	Left     int64 `json:"left"` // of the experiment's budget
}

// Payments is what `posse audit payments` says of the demo's log. Money is in
// micro-credits, for all winners, also those that did not deliver.
type Payments struct {
	Rounds      uint64 `json:"rounds"`     // paid and settled
	Recomputed  uint64 `json:"recomputed"` // of them
	OtherBids   uint64 `json:"otherBids"`  // that were tried, and would have brought nobody more
	Winners     int    `json:"winners"`
	Pivotal     int    `json:"pivotal"` // of the winners
	Paid        int64  `json:"paid"`
	ReserveCost int64  `json:"reserveCost"` // of the same winners
	Verdict     string `json:"verdict"`     // consistent or violated
}

// Log is the transparency log as an outsider verified it.
type Log struct {
	Size       uint64 `json:"size"`
	Checkpoint uint64 `json:"checkpoint"` // size that is signed
	Signatures int    `json:"signatures"`
	Verified   bool   `json:"verified"`
}

// gap is the share of the way from choosing at random to the best arm.
func (b Baselines) gap(mean float64) (share float64, ok bool) {
	if !(b.BestFixedArm > b.Uniform) {
		return 0, false
	}
	return (mean - b.Uniform) / (b.BestFixedArm - b.Uniform), true
}

// aloneMean is what the organisations get alone, by traffic.
func (s *Summary) aloneMean() float64 {
	sum := 0.0
	for i, n := range s.Nodes {
		sum += s.Learning.Baselines.Alone[i] * float64(n.Decisions)
	}
	return sum / float64(s.Decisions)
}
