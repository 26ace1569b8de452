package fast

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/simnet"
)

// Config says what is learnt, and how. Policy makes the shared policy for the
// settings; a nil Settings.Privacy learns without noise and without a bound on
// users. Limit is a user's (or record's) budget. Noise is drawn from Source: a
// simulation may be seeded.
type Config struct {
	Settings mechanisms.Settings
	Policy   func(mechanisms.Settings) (mechanisms.Shared, error)
	Limit    dp.Spend
	Round    int // decisions of all nodes together between versions, > 0
	Source   noise.Source
	// Market buys releases and grants versions. nil: everything that is released is
	// bought, and everybody gets every version at once.
	Market *Market
	// Away says that a node can't be reached in a round, from 1: what it has on offer
	// waits, and so does what is granted to it. nil: everybody is always there.
	Away func(node int, round uint64) bool
	// Replaced says that before a round a newcomer takes a node's place: new users, no
	// version, nothing on offer. nil: nobody leaves.
	Replaced func(node int, round uint64) bool
	// Observed sees each decision: the node's slot, from 0, the arm and its reward. nil:
	// nobody looks.
	Observed func(node int, slot uint64, arm mechanisms.Arm, x float64)
}

// Outcome is what learning brought on the traffic.
type Outcome struct {
	Mean     float64   // reward per decision
	Nodes    []float64 // the same by node
	Versions int
	Paid     incentives.Credits   // over all rounds
	Utility  []incentives.Credits // by node: paid to it less its true costs; nil where nobody is paid
	Summary  mechanisms.Summary   // of the last version
}

// learner is the state of one run.
type learner struct {
	cfg    Config
	shared mechanisms.Shared
	plans  []version // by version, from 0
	model  mechanisms.Model
	nodes  []member
	trade  *trade                    // nil without a market
	rounds uint64                    // begun
	parts  map[[sha256.Size]byte]int // of the model, by the digest of their plan
	record []statistics.Increment    // scratch
}

// version is a plan that was ever in force, and the window that it opens. With pooling
// it keeps the model that it was planned on: a node may hold an older version.
type version struct {
	descriptor mechanisms.Descriptor
	window     mechanisms.Window
	ended      bool // nothing is reported under it
	model      mechanisms.Model
	cost       dp.Spend // of a record
	part       int      // of the published model; −1 until something is bought
}

// member is one node: what it did, which version it holds, and what it has on offer.
type member struct {
	users *budget.UserLimit
	slots uint64
	sum   float64          // of rewards
	holds int              // version
	due   int              // version that was granted
	away  bool             // in this round
	offer []leaf           // released and not yet bought, oldest first
	own   mechanisms.Model // with pooling: all that it ever released
}

// leaf is one release: noised, charged, and the same whoever buys it later.
type leaf struct {
	plan     int // version that it was made under
	released *statistics.Set
}

const name = "simulation"

// Learn runs the traffic in rounds. Within a round each node decides under the
// version that it holds and releases its sums once at the end; the round then buys
// releases and publishes the next version, until the policy has ended.
func Learn(cfg Config, t *simnet.Traffic) (Outcome, error) { return learn(cfg, stored{t}) }

func learn(cfg Config, t arrivals) (Outcome, error) {
	shared, err := cfg.Policy(cfg.Settings)
	if err != nil {
		return Outcome{}, err
	}
	if cfg.Round < 1 {
		return Outcome{}, errors.New("a round needs decisions")
	}
	l := &learner{cfg: cfg, shared: shared, nodes: make([]member, t.count()), parts: map[[sha256.Size]byte]int{}}
	for j := range l.nodes {
		if err := l.welcome(j); err != nil {
			return Outcome{}, err
		}
	}
	if cfg.Market != nil {
		if l.trade, err = newTrade(*cfg.Market, t.count()); err != nil {
			return Outcome{}, err
		}
	}
	if err := l.plan(); err != nil {
		return Outcome{}, err
	}
	for done := false; !done; {
		done = true
		if l.cfg.Away != nil || l.cfg.Replaced != nil {
			if err := l.begin(); err != nil {
				return Outcome{}, err
			}
		}
		ended := l.now().descriptor.Ended
		for j := range l.nodes {
			if err := l.decide(j, t); err != nil {
				return Outcome{}, err
			}
			if l.trade == nil && !ended && !l.nodes[j].away { // no market has to see all offers first
				if err := l.buy(j); err != nil {
					return Outcome{}, err
				}
			}
			done = done && l.nodes[j].slots == uint64(t.decisions(j))
		}
		if err := l.round(); err != nil {
			return Outcome{}, err
		}
	}
	out := Outcome{Versions: int(l.model.Version)}
	if l.trade != nil {
		out.Paid, out.Utility = l.trade.paid, l.trade.utility
	}
	total := 0
	for j := range l.nodes {
		total += t.decisions(j)
	}
	for j, n := range l.nodes {
		out.Nodes = append(out.Nodes, n.sum/float64(t.decisions(j)))
		out.Mean += n.sum / float64(total)
	}
	out.Summary, err = shared.Summary(l.model, l.now().descriptor)
	return out, err
}

// welcome gives a node's place to somebody who has learnt nothing yet.
func (l *learner) welcome(j int) error {
	n := &l.nodes[j]
	n.holds, n.due, n.offer, n.own = 0, 0, nil, mechanisms.Model{}
	if p := l.cfg.Settings.Privacy; p == nil || p.Unit != dp.User {
		return nil
	}
	var err error
	if n.users, err = budget.NewUserLimit(l.cfg.Limit); err != nil {
		return err
	}
	return n.users.Open(name, l.cfg.Limit)
}

// begin opens a round: who is there, who is new, and who fetches what was granted.
func (l *learner) begin() error {
	l.rounds++
	for j := range l.nodes {
		n := &l.nodes[j]
		if l.cfg.Replaced != nil && l.cfg.Replaced(j, l.rounds) {
			if err := l.welcome(j); err != nil {
				return err
			}
		}
		if n.away = l.cfg.Away != nil && l.cfg.Away(j, l.rounds); !n.away {
			n.holds = n.due
		}
	}
	return nil
}

// grant lets a node have the newest version, at once if it is there.
func (l *learner) grant(j int) {
	n := &l.nodes[j]
	if n.due = len(l.plans) - 1; !n.away {
		n.holds = n.due
	}
}

// now is the newest plan.
func (l *learner) now() version { return l.plans[len(l.plans)-1] }

// plan plans the next windows from the model.
func (l *learner) plan() error {
	before := mechanisms.Descriptor{}
	if len(l.plans) > 0 {
		before = l.now().descriptor
	}
	d, err := l.shared.Plan(before, l.model, len(l.nodes))
	if err != nil {
		return err
	}
	w, err := l.shared.Open(d)
	if err != nil {
		return err
	}
	v := version{descriptor: d, window: w, ended: d.Ended, part: -1}
	if v.cost, err = d.Layout.RecordSpend(); err != nil {
		return err
	}
	if l.cfg.Settings.Pooling {
		v.model = l.model.Clone()
	}
	l.plans = append(l.plans, v)
	return nil
}

// holds is the version that a node decides under: with pooling, as far as its own
// releases leave it open.
func (l *learner) holds(j int) (version, error) {
	n := &l.nodes[j]
	v := l.plans[n.holds]
	pooled, ok := l.shared.(mechanisms.Pooled)
	if !l.cfg.Settings.Pooling || !ok {
		return v, nil
	}
	own, _, err := pooled.Own(v.descriptor, v.model, n.own)
	if err != nil {
		return v, err
	}
	v.window, err = l.shared.Open(own)
	v.ended = own.Ended
	return v, err
}

// round buys what is on offer and publishes, or draws grants again once the policy
// has ended.
func (l *learner) round() error {
	if l.trade != nil {
		return l.trade.round(l)
	}
	if l.now().descriptor.Ended {
		return nil
	}
	return l.publish(func(int) bool { return true })
}

// publish makes the next version and lets some nodes have it.
func (l *learner) publish(granted func(node int) bool) error {
	l.model.Version++
	if err := l.plan(); err != nil {
		return err
	}
	for j := range l.nodes {
		if granted(j) {
			l.grant(j)
		}
	}
	return nil
}

// decide lets one node decide its share of a round and releases what it learnt.
func (l *learner) decide(j int, t arrivals) error {
	n := &l.nodes[j]
	plan, err := l.holds(j)
	if err != nil {
		return err
	}
	quota := max(1, uint64(t.share(j)*float64(l.cfg.Round)+0.5))
	first, end := n.slots, min(n.slots+quota, uint64(t.decisions(j)))
	learns := !plan.ended
	layout := plan.descriptor.Layout
	raw := layout.Empty()
	cost, record := plan.cost, l.record
	release, err := l.release(j)
	if err != nil {
		return err
	}
	for slot := first; slot < end; slot++ {
		action, _, err := plan.window.Choose(slot, mechanisms.None{}, l.cfg.Source)
		if err != nil {
			return err
		}
		arm := action.(mechanisms.Arm)
		x := t.reward(j, slot, int(arm))
		if l.cfg.Observed != nil {
			l.cfg.Observed(j, slot, arm, x)
		}
		n.sum += x
		if !learns {
			continue
		}
		if release != nil {
			user := budget.User{} // a unit of one record has none
			if l.nodes[j].users != nil {
				binary.LittleEndian.PutUint32(user[:], t.user(j, slot))
			}
			if err := release.Charge(user, cost); errors.Is(err, budget.ErrExhausted) {
				continue
			} else if err != nil {
				return err
			}
		}
		if record, err = plan.window.Record(record[:0], mechanisms.None{}, action, mechanisms.Reward{X: x}); err != nil {
			return err
		}
		if layout.PerRecord() {
			if err := l.randomise(j, layout, record, cost); err != nil {
				return err
			}
		}
		if err := raw.Add(record); err != nil {
			return err
		}
	}
	n.slots, l.record = end, record
	if !learns || end == first {
		return nil
	}
	return l.offer(j, &plan, raw, first, end-first, release)
}

// release gathers the charges of one leaf; nil without privacy.
func (l *learner) release(j int) (*budget.Release, error) {
	switch p := l.cfg.Settings.Privacy; {
	case p == nil:
		return nil, nil
	case p.Unit == dp.User:
		return budget.NewUserRelease(l.nodes[j].users, name)
	default:
		block, err := budget.NewFilter(budget.Pure, l.cfg.Limit, "a record")
		if err != nil {
			return nil, err
		}
		return budget.NewRewardRelease(block)
	}
}

// randomise passes one charged record through the door of the local model.
func (l *learner) randomise(j int, layout statistics.Layout, record []statistics.Increment, cost dp.Spend) error {
	one, err := l.release(j)
	if err != nil {
		return err
	}
	if err := one.Resume(budget.ReleaseState{Spend: cost, Records: 1}); err != nil {
		return err
	}
	permit, err := one.Permit()
	if err != nil {
		return err
	}
	return layout.Randomise(record, permit, l.cfg.Source)
}

// offer releases a leaf through the door and puts it on offer. What no budget allows
// is never released.
func (l *learner) offer(j int, plan *version, raw *statistics.Set, first, n uint64, release *budget.Release) error {
	public, err := plan.window.Slots(first, n)
	if err != nil {
		return err
	}
	if err := raw.Merge(public); err != nil {
		return err
	}
	if release != nil {
		permit, err := release.Permit()
		if errors.Is(err, budget.ErrExhausted) {
			return nil
		} else if err != nil {
			return err
		}
		if raw, err = plan.descriptor.Layout.Release(raw, permit, l.cfg.Source); err != nil {
			return err
		}
	}
	l.nodes[j].offer = append(l.nodes[j].offer, leaf{l.nodes[j].holds, raw})
	if l.cfg.Settings.Pooling {
		return l.nodes[j].own.Add(plan.descriptor, raw)
	}
	return nil
}

// buy adds all that a node has on offer to the model.
func (l *learner) buy(j int) error {
	for _, b := range l.nodes[j].offer {
		part := l.part(b.plan)
		part.Releases++
		if err := part.Sum.Merge(b.released); err != nil {
			return err
		}
	}
	l.nodes[j].offer = l.nodes[j].offer[:0]
	return nil
}

// part is the model's for a plan. Plans that are the same share it.
func (l *learner) part(plan int) *mechanisms.Part {
	p := &l.plans[plan]
	if p.part < 0 {
		digest := p.descriptor.Digest()
		at, ok := l.parts[digest]
		if !ok {
			at = len(l.model.Parts)
			l.parts[digest] = at
			l.model.Parts = append(l.model.Parts, mechanisms.Part{Descriptor: p.descriptor, Sum: p.descriptor.Layout.Empty()})
		}
		p.part = at
	}
	return &l.model.Parts[p.part]
}
