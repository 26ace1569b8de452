package web

import "time"

// View is what the pages show: the facts of one moment. The zero value is a
// cluster without replicas and experiments and is shown as such. A view is read
// only by this package, so a source may share its slices between calls as long
// as nobody writes to them.
type View struct {
	Now     time.Time // the moment that the figures are from; ages are counted from it
	Version string    // of the binary, "0.1.0"
	Cluster Cluster
	// Experiments in the order of the list. Pages about one of them (privacy,
	// rounds, books by round) show the first unless the reader picks another.
	Experiments []Experiment
	Nodes       []Node
	Books       *Books  // nil when the cluster keeps none yet
	Log         *Log    // nil when there is none: the page is then absent from the navigation
	Events      []Event // any order, of all experiments
	Simulated   bool    // a demo: users are simulated, noise is real; said on every page
}

// Cluster is the state of the replicas.
type Cluster struct {
	Name          string // "demo", "prod"
	Replicas      int    // members
	Up            int    // members that answer
	Down          []string
	Leader        string    // empty: no leader
	Since         time.Time // that it leads, or that there is none
	LeaderChanges int       // since the cluster began, the first election not counted
	Term          uint64
	CommitP99     time.Duration // 0: not measured
}

// Stage is where an experiment is in its life.
type Stage string

// The stages of an experiment.
const (
	Learning Stage = "learning" // rounds go on
	Paused   Stage = "paused"   // by an operator
	Ended    Stage = "ended"    // nothing is left to learn, or the horizon is reached
	Closed   Stage = "closed"   // by an operator
)

// Experiment is one bandit problem, its published model and its rounds.
type Experiment struct {
	Name     string
	Title    string // "Choosing a solver"; empty: the name
	Stage    Stage
	Revision int
	Created  time.Time
	Arm      Noun // what an arm is called here; zero: arm, arms
	// Preferred is the arm that the newest version prefers once it is known to be
	// best; empty while several are in play. Why is said after it, muted.
	Preferred string
	Why       string
	// Finished says that no further decision will come: what can't be told apart
	// now never will be. Learning goes on otherwise.
	Finished bool

	RewardMeaning string // one or two sentences: "Reward is −run time ÷ 300 s, …"
	Gain          Gain   // what a difference in reward sums to; zero: not said
	Arms          []Arm
	// Versions in order of Number.
	Versions []Version
	// Uniform is the estimated mean reward of choosing at random, as the first
	// versions showed; nil: unknown. (What it truly is stands in Demo.)
	Uniform *float64

	DecisionsPerRound int64 // the public trigger; 0 when rounds are triggered otherwise
	FirstVersionIn    time.Duration
	GrantsPerVersion  int // of the fairness schedule; 0: everyone at once
	GrantsFromRound   int // first round in which not everyone gets the version at once
	Privacy           Privacy
	Rounds            []Round // in order of ID; the last may be open
	Members           []Member
	Settings          []Setting
	Demo              *Demo // nil in a deployment
}

// Noun is a word in singular and plural.
type Noun struct{ One, Many string }

// Gain turns a sum of rewards into something a reader cares for: reward 1 is
// worth PerReward of Unit ("hours of solver time").
type Gain struct {
	PerReward float64
	Unit      string
}

// Arm is one arm with its estimate from released statistics.
type Arm struct {
	Name      string
	Alive     bool
	Estimated bool    // false: no version yet, the next three mean nothing
	Estimate  float64 // mean reward
	Low, High float64 // the interval that decides
	// Share of all decisions, in [0, 1], as the policy's released state implies
	// it; not counted. Shares is the same version by version.
	Share        float64
	Shares       []float64
	DroppedRound int    // 0: never
	DroppedFor   string // the arm that beat it
	AtBest       float64
	AtWorst      float64 // of DroppedFor; AtBest < AtWorst
}

// Version is one published model.
type Version struct {
	Number    int
	Round     int
	Published time.Time
	Decisions int64   // by all nodes together when it was published, by the public trigger; 0: unknown
	Estimate  float64 // mean reward per decision under this version
	Low, High float64 // band, valid at any time; equal: no band
	Alive     int     // arms in play; 0: the policy drops none
}

// Privacy is what an experiment promises and what is spent of it.
type Privacy struct {
	Model            string // local, silo, central, distributed
	Unit             string // reward, user
	Epsilon, Delta   float64
	Neighbours       string  // a sentence: "Neighbours: one user’s records count as nothing."
	MaxContributions int     // records of one user; 0: unbounded
	PerRecord        float64 // ε of one record; 0: not said
	Mechanism        string  // "discrete Laplace"
	Releases         int
	Refused          *int    // releases that a guard refused; nil: not told
	SpentWorst       float64 // ε of the worst user (or record) of any node
	PolicyNote       string  // "tuned κ 0.1 (no guarantee)"
	// Left is the additive budget left in the worst case, release by release, for
	// experiments that burn a budget over time; empty when a user's bound does it.
	Left []Left
	// Ends is the time until which the budget is planned; zero: no plan.
	Ends time.Time
	// Additive names the unit of Left and its size: "ρ" and 0.02413.
	Additive string
	Total    float64
}

// Left is the share of the additive budget left after a release, in [0, 1],
// with the ε that the spent part means at the experiment's δ.
type Left struct {
	Time    time.Time
	Share   float64
	Epsilon float64
}

// RoundState is how a round stands.
type RoundState string

// The states of a round.
const (
	RoundOpen      RoundState = "open"
	RoundPublished RoundState = "published"
	RoundAborted   RoundState = "aborted"
)

// Round is one round. Node lists hold ids.
type Round struct {
	ID                              int
	State                           RoundState
	Phase                           string // while open: offer, settle, collect, publish
	Published                       time.Time
	Offer, Settle, Collect, Publish time.Duration
	Asked                           int // nodes that were asked for an offer
	Offered, Bought, Granted        []string
	Payments                        []Payment
	Pivotal                         int     // sellers without whom the rest could not cover the target: paid the reserve
	Reserve                         int64   // most that one seller could be paid, millionths of a credit; 0: nobody is paid
	Information                     float64 // share of the information on offer that was bought, [0, 1]
	Alive                           int     // arms left afterwards; 0: not said
	Aborted                         string  // why, when aborted
}

// Payment is what a node was paid in one round, in millionths of a credit.
type Payment struct {
	Node   string
	Amount int64
}

// NodeState is how the coordinator sees a node.
type NodeState string

// The states of a node.
const (
	NodeConnected NodeState = "connected"
	NodeSilent    NodeState = "silent"
	NodeInvited   NodeState = "invited"
	NodeRevoked   NodeState = "revoked"
)

// Node is one organisation's process, whatever it takes part in.
type Node struct {
	ID       string
	State    NodeState
	LastSeen time.Time
	Missed   int // deadlines in a row
	// Spent and Limit are ε of its worst user over all experiments, as the node
	// told; nil: not told.
	Spent, Limit *float64
}

// Member is a node in one experiment.
type Member struct {
	Node          string
	Held          int       // version
	Asked, Chosen int       // rounds
	Contribution  float64   // Shapley share, [0, 1]
	Low, High     float64   // its 95 % interval; equal: none
	Behind        []int     // newest version minus the held one, round by round
	Paid          int64     // millionths of a credit
	Spent, Limit  float64   // ε of its worst user here
	Releases      int       //
	Refused       *int      // nil: not told
	LastRelease   time.Time // of its noised statistics
}

// Setting is one line of an experiment's settings, in words.
type Setting struct{ Name, Value string }

// Books are the double-entry accounts. All amounts are millionths of a credit.
type Books struct {
	Accounts      []Account
	Entries       []Entry // in order of Number
	Debit, Credit int64
	Balanced      bool
	Since         int   // entry since which they do not balance; 0: unknown
	Budget, Paid  int64 // of all experiments; Budget 0: none set
	Reserve       int64 // the most that one payment can be; 0: not said
}

// Account is a line of the trial balance: one of Debit and Credit is 0.
type Account struct {
	Name          string
	Debit, Credit int64
}

// Entry is one transfer.
type Entry struct {
	Number        int
	Time          time.Time
	Round         int // 0: none
	Debit, Credit string
	For           string
	Amount        int64
	LogIndex      *int64 // nil: not in the log
}

// Log is the state of the Merkle log.
type Log struct {
	Origin     string
	Size       int64
	Root       string // hex
	Time       time.Time
	Signatures []Signature
	Signers    int // replicas that could sign
	Verified   bool
	Checks     []string   // commands by which an outsider checks it
	Entries    []LogEntry // the newest ones, in order of Index
}

// Signature is one replica's signature of the newest checkpoint.
type Signature struct {
	Replica string
	Time    time.Time
	Key     string // fingerprint in words or hex
}

// LogEntry is one leaf.
type LogEntry struct {
	Index int64
	Time  time.Time
	Kind  string
	What  string
	Leaf  string // hash, hex
}

// Event is something that happened, in a short sentence whose Subject, if any,
// begins it and is shown bold.
type Event struct {
	Time       time.Time
	Experiment string // empty: the cluster's
	Subject    string
	Text       string
	Joining    bool // about a node that joined or left: shown on Nodes too
}

// Demo is what only a simulation knows of an experiment: mean rewards on the
// same traffic, by which what learning together brought can be told exactly.
type Demo struct {
	Decisions     int64 // made so far
	Horizon       int64 // that will be made; 0: unknown
	Uniform, Best float64
	Together      float64
	Alone         *float64 // each alone, by traffic; nil: not known (yet)
	NonPrivate    *float64 // together without privacy; nil: not known
	ToNextRound   *int64   // decisions until the next round opens
	Nodes         []DemoNode
	Curve         []DemoPoint // in order of Decisions
	Users         []DemoUsers // in order of Decisions
	LearningEnded int64       // decisions when it did; 0: not yet
}

// DemoNode is one organisation's true figures.
type DemoNode struct {
	Node      string
	Decisions int64
	Uniform   float64 // on its own traffic; equal to Best: the experiment's are used
	Best      float64
	Together  float64
	Alone     *float64
}

// DemoPoint is the state after some decisions: mean rewards per decision of what
// each would choose then, and sums of regret since the beginning in units of
// reward. A nil is not known.
type DemoPoint struct {
	Decisions                     int64
	Alone                         *float64
	RegretTogether                float64
	RegretUniform                 float64
	RegretAlone, RegretNonPrivate *float64
}

// DemoUsers says how many users have given all they may, some, or nothing, as
// shares that add to 1.
type DemoUsers struct {
	Decisions          int64
	All, Some, Nothing float64
}
