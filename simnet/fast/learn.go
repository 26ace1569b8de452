package fast

import (
	"errors"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
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
}

// Outcome is what learning brought on the traffic.
type Outcome struct {
	Mean     float64   // reward per decision
	Nodes    []float64 // the same by node
	Versions int
	Summary  mechanisms.Summary // of the last version
}

// learner is the state of one run.
type learner struct {
	cfg    Config
	shared mechanisms.Shared
	now    mechanisms.Descriptor
	model  mechanisms.Model
	window mechanisms.Window
	users  []*budget.UserLimit
	slots  []uint64
	sums   []float64
}

const name = "simulation"

// Learn runs the traffic in rounds. Within a round each node decides under the
// last version and releases its sums once at the end.
func Learn(cfg Config, t *simnet.Traffic) (Outcome, error) {
	shared, err := cfg.Policy(cfg.Settings)
	if err != nil {
		return Outcome{}, err
	}
	if cfg.Round < 1 {
		return Outcome{}, errors.New("a round needs decisions")
	}
	l := &learner{cfg: cfg, shared: shared, slots: make([]uint64, len(t.Nodes)), sums: make([]float64, len(t.Nodes))}
	for range t.Nodes {
		var users *budget.UserLimit
		if p := cfg.Settings.Privacy; p != nil && p.Unit == dp.User {
			if users, err = budget.NewUserLimit(cfg.Limit); err == nil {
				err = users.Open(name, cfg.Limit)
			}
			if err != nil {
				return Outcome{}, err
			}
		}
		l.users = append(l.users, users)
	}
	if err := l.publish(len(t.Nodes)); err != nil {
		return Outcome{}, err
	}
	versions := 0
	for done := false; !done; {
		done = true
		for j, s := range t.Nodes {
			if err := l.leaf(j, s); err != nil {
				return Outcome{}, err
			}
			done = done && l.slots[j] == uint64(s.Len())
		}
		if !l.now.Ended {
			versions++
			l.model.Version = uint64(versions)
			if err := l.publish(len(t.Nodes)); err != nil {
				return Outcome{}, err
			}
		}
	}
	out := Outcome{Versions: versions}
	for j, s := range t.Nodes {
		out.Nodes = append(out.Nodes, l.sums[j]/float64(s.Len()))
		out.Mean += l.sums[j] / float64(t.Decisions())
	}
	out.Summary, err = shared.Summary(l.model, l.now)
	return out, err
}

// publish plans the next windows from the model.
func (l *learner) publish(nodes int) error {
	d, err := l.shared.Plan(l.now, l.model, nodes)
	if err != nil {
		return err
	}
	l.now = d
	l.window, err = l.shared.Open(d)
	return err
}

// leaf lets one node decide its share of a round and adds what it releases.
func (l *learner) leaf(j int, s simnet.Stream) error {
	quota := max(1, uint64(s.Share*float64(l.cfg.Round)+0.5))
	first := l.slots[j]
	end := min(first+quota, uint64(s.Len()))
	layout := l.now.Layout
	raw := layout.Empty()
	cost, err := layout.RecordSpend()
	if err != nil {
		return err
	}
	release, err := l.release(j)
	if err != nil {
		return err
	}
	var record []statistics.Increment
	for slot := first; slot < end; slot++ {
		action, _, err := l.window.Choose(slot, mechanisms.None{}, l.cfg.Source)
		if err != nil {
			return err
		}
		x := s.Reward(int(slot), int(action.(mechanisms.Arm)))
		l.sums[j] += x
		if l.now.Ended {
			continue
		}
		if release != nil {
			user := budget.User{byte(s.Users[slot]), byte(s.Users[slot] >> 8), byte(s.Users[slot] >> 16), byte(s.Users[slot] >> 24)}
			if err := release.Charge(user, cost); errors.Is(err, budget.ErrExhausted) {
				continue
			} else if err != nil {
				return err
			}
		}
		if record, err = l.window.Record(record[:0], mechanisms.None{}, action, mechanisms.Reward{X: x}); err != nil {
			return err
		}
		if layout.PerRecord() {
			if err := l.randomise(j, record, cost); err != nil {
				return err
			}
		}
		if err := raw.Add(record); err != nil {
			return err
		}
	}
	l.slots[j] = end
	if l.now.Ended || end == first {
		return nil
	}
	return l.add(raw, first, end-first, release)
}

// release gathers the charges of one leaf; nil without privacy.
func (l *learner) release(j int) (*budget.Release, error) {
	switch p := l.cfg.Settings.Privacy; {
	case p == nil:
		return nil, nil
	case p.Unit == dp.User:
		return budget.NewUserRelease(l.users[j], name)
	default:
		block, err := budget.NewFilter(budget.Pure, l.cfg.Limit, "a record")
		if err != nil {
			return nil, err
		}
		return budget.NewRewardRelease(block)
	}
}

// randomise passes one charged record through the door of the local model.
func (l *learner) randomise(j int, record []statistics.Increment, cost dp.Spend) error {
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
	return l.now.Layout.Randomise(record, permit, l.cfg.Source)
}

// add releases a leaf through the door and adds it to the model.
func (l *learner) add(raw *statistics.Set, first, n uint64, release *budget.Release) error {
	public, err := l.window.Slots(first, n)
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
		if raw, err = l.now.Layout.Release(raw, permit, l.cfg.Source); err != nil {
			return err
		}
	}
	last := len(l.model.Parts) - 1
	if last < 0 || l.model.Parts[last].Descriptor.Digest() != l.now.Digest() {
		l.model.Parts = append(l.model.Parts, mechanisms.Part{Descriptor: l.now, Sum: l.now.Layout.Empty()})
		last++
	}
	l.model.Parts[last].Releases++
	return l.model.Parts[last].Sum.Merge(raw)
}
