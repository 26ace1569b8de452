package budget

import (
	"iter"
	"strconv"
	"sync"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// User is a pseudonym: a keyed hash that the node makes of what its application
// calls a user. The same person at two nodes is two users.
type User [16]byte

// UserLimit holds the budgets of many pseudonyms: for each one limit across all
// experiments, beside each experiment's own limit for her. Limits of single
// experiments alone are not sound when what an experiment asks depends on what
// another released. Safe for concurrent use; a charge costs the same however many
// users and charges there are. What a user has spent is data about her.
type UserLimit struct {
	mu          sync.Mutex
	all         rule
	index       map[User]uint32
	users       []User     // by index, in the order of their first charge
	total       []dp.Spend // by index, across experiments, in the units of all
	worst       dp.Spend   // of total
	experiments map[string]*share
	order       []*share // as opened, for loops whose order must not vary
}

// share is an experiment's own limit and what its users have spent.
type share struct {
	rule  rule
	spent map[uint32]dp.Spend // in the units of rule
	worst dp.Spend

	// the last question of AtLimit and its answer, kept true by every charge
	next, nextAll dp.Spend
	asked         bool
	at            uint64
}

// maxUsers keeps an index in 32 bits; a node with more is several nodes.
const maxUsers = 1 << 31

// NewUserLimit returns budgets with nothing spent. all is each user's limit across
// all experiments: an ε for pure experiments only, or a ρ (with or without a δ),
// to which pure ones add ε²/2.
func NewUserLimit(all dp.Spend) (*UserLimit, error) {
	r, err := ruleOf(all)
	if err != nil {
		return nil, err
	}
	return &UserLimit{all: r, index: map[User]uint32{}, experiments: map[string]*share{}}, nil
}

// Open adds an experiment and the limit of each user in it. A limit above that
// across all experiments is allowed: the smaller one acts. Opening again with the
// same limit changes nothing, with another one is an error (a budget that grows
// is a new promise). An experiment in ρ under a limit in ε is refused, since a ρ
// has no pure ε.
func (l *UserLimit) Open(experiment string, limit dp.Spend) error {
	r, err := ruleOf(limit)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if old, ok := l.experiments[experiment]; ok {
		if old.rule == r {
			return nil
		}
		return &posse.Error{
			Code: posse.AlreadyExists, Reason: "CONFLICT", Field: "privacy.epsilon", Value: limit.String(),
			Allowed: old.rule.limit.String(), Message: "experiment " + experiment + " has another limit for a user",
			Hint: "create a new experiment",
		}
	}
	if l.all.kind == Pure && r.kind != Pure {
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "privacy.filter", Value: r.kind.String(),
			Allowed: "pure", Message: "the limit of a user across all experiments is a pure ε, which Gaussian noise has not",
			Hint: "give the node a limit in ρ, or use discrete-laplace",
		}
	}
	e := &share{rule: r, spent: map[uint32]dp.Spend{}}
	l.experiments[experiment] = e
	l.order = append(l.order, e)
	return nil
}

// Charge records s for user in experiment and across all experiments, or, when
// either limit would be exceeded, nothing at all: then [ErrExhausted] is behind
// the error and its [Refusal] says which limit it was.
func (l *UserLimit) Charge(experiment string, user User, s dp.Spend) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.consider(experiment, user, s)
	if err != nil {
		return err
	}
	l.record(c, user)
	return nil
}

// Check returns the error that Charge would return, and records nothing.
func (l *UserLimit) Check(experiment string, user User, s dp.Spend) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.consider(experiment, user, s)
	return err
}

// Restore records s as Charge did before a restart, without refusal: what lies
// beyond a limit is kept, and refuses the next charge.
func (l *UserLimit) Restore(experiment string, user User, s dp.Spend) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.costs(experiment, s)
	if err != nil {
		return err
	}
	i, known := l.index[user]
	if known {
		c.own, c.total = addSaturated(c.share.spent[i], c.own), addSaturated(l.total[i], c.total)
	}
	l.record(c, user)
	return nil
}

// charge is a decided charge: what the user will have spent after it.
type charge struct {
	share      *share
	own, total dp.Spend
}

// costs returns s in the units of both limits.
func (l *UserLimit) costs(experiment string, s dp.Spend) (charge, error) {
	e, ok := l.experiments[experiment]
	if !ok {
		return charge{}, unknownExperiment(experiment)
	}
	own, err := e.rule.cost(s)
	if err != nil {
		return charge{}, err
	}
	total, err := l.all.cost(s)
	if err != nil {
		return charge{}, err
	}
	return charge{e, own, total}, nil
}

func (l *UserLimit) consider(experiment string, user User, s dp.Spend) (charge, error) {
	c, err := l.costs(experiment, s)
	if err != nil {
		return c, err
	}
	var own, total dp.Spend
	if i, known := l.index[user]; known {
		own, total = c.share.spent[i], l.total[i]
	} else if len(l.users) >= maxUsers {
		return c, posse.OutOfRange("users", strconv.Itoa(len(l.users)+1), "at most 2^31", "run another node")
	}
	next, ok := c.share.rule.add(own, c.own)
	if !ok {
		return c, exhausted(Refusal{
			Whose: "the user in experiment " + experiment,
			Limit: c.share.rule.limit, Spent: own, Asked: c.own,
		})
	}
	nextTotal, ok := l.all.add(total, c.total)
	if !ok {
		return c, exhausted(Refusal{
			Whose: "the user across all experiments",
			Limit: l.all.limit, Spent: total, Asked: c.total,
		})
	}
	return charge{c.share, next, nextTotal}, nil
}

// record makes a decided charge true.
func (l *UserLimit) record(c charge, user User) {
	i := l.place(user)
	before, seen := c.share.spent[i]
	beforeTotal := l.total[i]
	c.share.spent[i], l.total[i] = c.own, c.total
	c.share.worst = c.share.worst.Max(c.own)
	l.worst = l.worst.Max(c.total)

	for _, e := range l.order { // keep the answers of AtLimit true
		if !e.asked {
			continue
		}
		own, was, is := dp.Spend{}, false, false
		if e == c.share {
			was = seen && l.atLimit(e, before, beforeTotal)
			is = l.atLimit(e, c.own, c.total)
		} else if l.full(e, beforeTotal) != l.full(e, c.total) { // at most once a user
			if own, is = e.spent[i]; is {
				was, is = l.atLimit(e, own, beforeTotal), true
			}
		}
		if is && !was {
			e.at++
		}
	}
}

func (l *UserLimit) full(e *share, total dp.Spend) bool {
	_, fits := l.all.add(total, e.nextAll)
	return !fits
}

func (l *UserLimit) atLimit(e *share, own, total dp.Spend) bool {
	_, fits := e.rule.add(own, e.next)
	return !fits || l.full(e, total)
}

// AtLimit returns how many of the users seen in experiment could not be charged
// next once more, by either limit, and how many were seen. The first question for
// a spend counts all users; from then on the answer is kept and costs nothing,
// until next is another one.
func (l *UserLimit) AtLimit(experiment string, next dp.Spend) (at, seen uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.costs(experiment, next)
	if err != nil {
		return 0, 0, err
	}
	e := c.share
	if !e.asked || e.next != c.own || e.nextAll != c.total {
		e.next, e.nextAll, e.asked, e.at = c.own, c.total, true, 0
		for i, own := range e.spent {
			if l.atLimit(e, own, l.total[i]) {
				e.at++
			}
		}
	}
	return e.at, uint64(len(e.spent)), nil
}

// Spent returns what the worst user has spent in experiment, in the units of its
// limit; nothing when nobody was charged or there is no such experiment.
func (l *UserLimit) Spent(experiment string) dp.Spend {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.experiments[experiment]; ok {
		return e.worst
	}
	return dp.Spend{}
}

// SpentAll returns what the worst user has spent across all experiments.
func (l *UserLimit) SpentAll() dp.Spend {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.worst
}

// SpentBy returns what one user has spent in experiment and across all: her data.
func (l *UserLimit) SpentBy(experiment string, user User) (own, total dp.Spend) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, known := l.index[user]
	if !known {
		return own, total
	}
	if e, ok := l.experiments[experiment]; ok {
		own = e.spent[i]
	}
	return own, l.total[i]
}

// Limit returns a user's limit in experiment, and whether it was opened.
func (l *UserLimit) Limit(experiment string) (dp.Spend, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.experiments[experiment]
	if !ok {
		return dp.Spend{}, false
	}
	return e.rule.limit, true
}

// LimitAll returns a user's limit across all experiments.
func (l *UserLimit) LimitAll() dp.Spend { return l.all.limit }

// Users returns each user that was charged in experiment with what she has spent
// there (in the units of the experiment's limit), in the order of their first
// charge anywhere: what a snapshot writes down. The budgets are locked while the
// loop runs, so its body must not call them.
func (l *UserLimit) Users(experiment string) iter.Seq2[User, dp.Spend] {
	return func(yield func(User, dp.Spend) bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		e, ok := l.experiments[experiment]
		if !ok {
			return
		}
		for i, user := range l.users {
			if s, seen := e.spent[uint32(i)]; seen && !yield(user, s) {
				return
			}
		}
	}
}

// Totals returns each user with what she has spent across all experiments, in the
// units of that limit: the other half of a snapshot. Locked as [UserLimit.Users].
func (l *UserLimit) Totals() iter.Seq2[User, dp.Spend] {
	return func(yield func(User, dp.Spend) bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for i, user := range l.users {
			if !yield(user, l.total[i]) {
				return
			}
		}
	}
}

// RestoreOwn sets what user has spent in experiment, as [UserLimit.Users] gave it,
// unless it is more already. Her total becomes at least that where the units are
// the same; restore the totals too. (Charges can't be had back from sums: under a
// limit in ρ two charges of ε = 1 are a total of ρ = 1, and one of ε = 2 is ρ = 2.)
func (l *UserLimit) RestoreOwn(experiment string, user User, own dp.Spend) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.costs(experiment, own)
	if err != nil {
		return err
	}
	c.total = dp.Spend{}
	if c.share.rule.kind == l.all.kind {
		c.total = c.own // one experiment's spend is a lower bound of the total, in the same units
	}
	if i, known := l.index[user]; known {
		c.own, c.total = c.own.Max(c.share.spent[i]), c.total.Max(l.total[i])
	}
	l.record(c, user)
	return nil
}

// RestoreTotal sets what user has spent across all experiments, as
// [UserLimit.Totals] gave it, unless it is more already.
func (l *UserLimit) RestoreTotal(user User, total dp.Spend) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.all.cost(total); err != nil {
		return err
	}
	i := l.place(user)
	l.total[i] = l.total[i].Max(total)
	l.worst = l.worst.Max(total)
	for _, e := range l.order { // rare: let the next question count again
		e.asked = false
	}
	return nil
}

// place returns the index of a user, a new one if need be.
func (l *UserLimit) place(user User) uint32 {
	i, known := l.index[user]
	if !known {
		i = uint32(len(l.users))
		l.index[user] = i
		l.users = append(l.users, user)
		l.total = append(l.total, dp.Spend{})
	}
	return i
}

func unknownExperiment(name string) error {
	return &posse.Error{
		Code: posse.NotFound, Reason: "WRONG_EXPERIMENT", Field: "experiment", Value: strconv.Quote(name),
		Allowed: "an opened experiment", Message: "experiment has no budget here",
	}
}
