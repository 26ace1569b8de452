package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/node/store"
)

// Limits are the node's own, and no experiment can raise them: what one user may
// spend over all experiments, and in any one.
type Limits struct{ User, Experiment dp.Spend }

// Promise is what an experiment says about privacy, as the guard reads it from the
// file: it is compared with what a descriptor would cost.
type Promise struct {
	Unit   dp.Unit
	Limit  dp.Spend
	Layout statistics.Layout
}

// Guard decides who may teach and what may leave. Safe for concurrent use.
type Guard struct {
	users  *budget.UserLimit
	limits Limits

	mu          sync.Mutex
	experiments map[string]*account
}

// account is one experiment's side of the guard.
type account struct {
	promise  Promise
	cost     dp.Spend // of one record
	leaves   map[uint64]*budget.Release
	closed   map[uint64]byte // leaves that take nothing more: released or refused
	refused  uint64
	refusal  string
	spent    dp.Spend // of the worst unit, for unit reward
	released uint64
}

const (
	bucketSpends = "spends"  // experiment, 0, user → her spend there, and in all at that time
	bucketLeaves = "charged" // experiment, 0, leaf → records, state, the refusal in words
)

// New returns a guard with the node's limits.
func New(l Limits) (*Guard, error) {
	users, err := budget.NewUserLimit(l.User)
	if err != nil {
		return nil, err
	}
	return &Guard{users: users, limits: l, experiments: map[string]*account{}}, nil
}

// Open takes an experiment under guard. It is refused when its promise is more
// than this node allows in one experiment.
func (g *Guard) Open(experiment string, p Promise) error {
	if p.Limit.Exceeds(g.limits.Experiment) {
		return &posse.Error{
			Code: posse.ResourceExhausted, Reason: "BUDGET_SPENT", Field: "privacy.epsilon", Value: p.Limit.String(),
			Allowed: "at most " + g.limits.Experiment.String() + " in one experiment",
			Message: "experiment " + experiment + " asks for more than this node allows", Hint: "change guard in the node's file, or stay out",
		}
	}
	cost, err := p.Layout.RecordSpend()
	if err != nil {
		return err
	}
	if cost.Zero() {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "NO_NOISE", Field: "privacy.model",
			Message: "experiment " + experiment + " would release statistics without noise", Hint: "this node does not take part",
		}
	}
	if p.Unit == dp.User {
		if err := g.users.Open(experiment, p.Limit); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.experiments[experiment]; ok {
		return fmt.Errorf("experiment %s is under guard already", experiment)
	}
	g.experiments[experiment] = &account{
		promise: p, cost: cost, leaves: map[uint64]*budget.Release{}, closed: map[uint64]byte{},
	}
	return nil
}

func (g *Guard) account(experiment string) (*account, error) {
	a, ok := g.experiments[experiment]
	if !ok {
		return nil, &posse.Error{
			Code: posse.NotFound, Reason: "WRONG_EXPERIMENT", Field: "experiment", Value: experiment,
			Message: "this node takes part in no such experiment", Hint: "posse node status lists them",
		}
	}
	return a, nil
}

// release returns the open release of a leaf.
func (g *Guard) release(experiment string, a *account, leaf uint64) (*budget.Release, error) {
	if r, ok := a.leaves[leaf]; ok {
		return r, nil
	}
	r, err := g.newRelease(experiment, a)
	if err == nil {
		a.leaves[leaf] = r
	}
	return r, err
}

func (g *Guard) newRelease(experiment string, a *account) (*budget.Release, error) {
	if a.promise.Unit == dp.User {
		return budget.NewUserRelease(g.users, experiment)
	}
	kind := budget.Pure
	if a.cost.PicoRho > 0 {
		kind = budget.ZCDP
	}
	block, err := budget.NewFilter(kind, a.promise.Limit, "one record of "+experiment)
	if err != nil {
		return nil, err
	}
	return budget.NewRewardRelease(block)
}

// Admit charges one record of user to a leaf. teaches is false when her budget is
// spent: she goes on getting decisions, and nothing was written. An error means
// that the charge could not be made for another reason.
func (g *Guard) Admit(experiment string, leaf uint64, user [16]byte) (teaches bool, writes []store.Write, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.account(experiment)
	if err != nil {
		return false, nil, err
	}
	r, err := g.release(experiment, a, leaf)
	if err != nil {
		return false, nil, err
	}
	if err := r.Charge(user, a.cost); errors.Is(err, budget.ErrExhausted) {
		return false, nil, nil
	} else if err != nil {
		return false, nil, err
	}
	writes = make([]store.Write, 0, 2)
	if a.promise.Unit == dp.User {
		own, total := g.users.SpentBy(experiment, user)
		writes = append(writes, spendWrite(experiment, user, own, total))
	} else {
		a.spent = a.spent.Max(a.cost)
	}
	return true, append(writes, leafWrite(experiment, leaf, r.State().Records, leafOpen, "")), nil
}

// Check returns why a record of user would not teach: the error says whose limit it
// is, how large, what was spent and what is asked, and [budget.ErrExhausted] is
// behind it. nil when she may teach. The answer is data about her: it stays with
// who runs the node.
func (g *Guard) Check(experiment string, user [16]byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.account(experiment)
	if err != nil || a.promise.Unit != dp.User {
		return err
	}
	return g.users.Check(experiment, user, a.cost)
}

// PermitRecord is the permit for one record that was admitted, where the layout
// randomises record by record. The charge stands already; the permit is for the
// exact cost of one record.
func (g *Guard) PermitRecord(experiment string) (budget.Permit, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.account(experiment)
	if err != nil {
		return budget.Permit{}, err
	}
	r, err := g.newRelease(experiment, a)
	if err != nil {
		return budget.Permit{}, err
	}
	if err := r.Resume(budget.ReleaseState{Spend: a.cost, Records: 1}); err != nil {
		return budget.Permit{}, err
	}
	return r.Permit()
}

// Next is the number of the next release: releases are counted from 0 without
// holes, also where a leaf before it was refused.
func (g *Guard) Next(experiment string) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a := g.experiments[experiment]; a != nil {
		return a.released
	}
	return 0
}

// Permit closes a leaf and gives the permit for its release. The caller has
// synced the store since the leaf's last charge, and writes the released bytes
// together with [Guard.Released] before anything is sent. It is refused, with
// [budget.ErrExhausted] behind the error, when nobody in the leaf could teach; the
// caller then writes [Guard.Refused].
func (g *Guard) Permit(experiment string, leaf uint64) (budget.Permit, dp.Spend, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.account(experiment)
	if err != nil {
		return budget.Permit{}, dp.Spend{}, err
	}
	if a.closed[leaf] != leafOpen {
		return budget.Permit{}, dp.Spend{}, fmt.Errorf("leaf %d of %s has left already", leaf, experiment)
	}
	r, err := g.release(experiment, a, leaf)
	if err != nil {
		return budget.Permit{}, dp.Spend{}, err
	}
	p, err := r.Permit()
	if errors.Is(err, budget.ErrExhausted) {
		a.refused++
		a.refusal = posse.As(err).Reason + ": " + err.Error()
		delete(a.leaves, leaf)
		a.closed[leaf] = leafRefused
	}
	return p, a.cost, err
}

// Refused records that a leaf was refused, for good. The write belongs in the same
// transaction as the end of its raw sums.
func (g *Guard) Refused(experiment string, leaf uint64) []store.Write {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.experiments[experiment]
	if a == nil || a.closed[leaf] != leafRefused {
		return nil
	}
	return []store.Write{leafWrite(experiment, leaf, 0, leafRefused, a.refusal)}
}

// Released records that a leaf's bytes are made. The write belongs in the same
// transaction as the bytes.
func (g *Guard) Released(experiment string, leaf uint64) []store.Write {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.experiments[experiment]
	if a == nil {
		return nil
	}
	delete(a.leaves, leaf)
	if a.closed[leaf] == leafOpen {
		a.closed[leaf] = leafReleased
		a.released++
	}
	return []store.Write{leafWrite(experiment, leaf, 0, leafReleased, "")}
}

// Left reports whether a leaf's bytes exist, or its release was refused.
func (g *Guard) Left(experiment string, leaf uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.experiments[experiment]
	return a != nil && a.closed[leaf] != leafOpen
}

// Account is what the guard has recorded of one experiment. It stays on the node.
type Account struct {
	Unit           dp.Unit
	Spent, Limit   dp.Spend // of the worst user, or record
	Users, AtLimit uint64   // pseudonyms seen; of them, those who teach no more
	Released       uint64
	Refused        uint64
	Refusal        string // the last one
}

// Account returns the figures of one experiment.
func (g *Guard) Account(experiment string) (Account, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.account(experiment)
	if err != nil {
		return Account{}, err
	}
	out := Account{
		Unit: a.promise.Unit, Spent: a.spent, Limit: a.promise.Limit, Released: a.released,
		Refused: a.refused, Refusal: a.refusal,
	}
	if a.promise.Unit == dp.User {
		out.Spent = g.users.Spent(experiment)
		out.AtLimit, out.Users, err = g.users.AtLimit(experiment, a.cost)
	}
	return out, err
}

// Restore reads what was written before a stop, for the experiments that are open.
func (g *Guard) Restore(s *store.Store, experiment string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.account(experiment)
	if err != nil {
		return err
	}
	if err := s.Each(bucketSpends, func(k, v []byte) error {
		rest, mine := cut(k, experiment)
		if !mine || len(rest) != 16 {
			return nil
		}
		own, total, err := decodeSpends(v)
		if err != nil {
			return err
		}
		user := budget.User(rest)
		if err := g.users.RestoreOwn(experiment, user, own); err != nil {
			return err
		}
		return g.users.RestoreTotal(user, total)
	}); err != nil {
		return err
	}
	return s.Each(bucketLeaves, func(k, v []byte) error {
		rest, mine := cut(k, experiment)
		if !mine || len(rest) != 8 {
			return nil
		}
		if len(v) < leafBytes {
			return errDamaged
		}
		leaf, records := binary.BigEndian.Uint64(rest), binary.LittleEndian.Uint64(v)
		switch v[8] {
		case leafReleased:
			a.closed[leaf] = leafReleased
			a.released++
			if a.promise.Unit == dp.Reward {
				a.spent = a.spent.Max(a.cost)
			}
			return nil
		case leafRefused:
			a.closed[leaf] = leafRefused
			a.refused++
			a.refusal = string(v[leafBytes:])
			return nil
		case leafOpen:
		default:
			return errDamaged
		}
		if a.promise.Unit == dp.Reward && records > 0 {
			a.spent = a.spent.Max(a.cost)
		}
		r, err := g.release(experiment, a, leaf)
		if err != nil {
			return err
		}
		return r.Resume(budget.ReleaseState{Spend: a.cost, Records: records})
	})
}
