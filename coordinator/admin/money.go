package admin

import (
	"context"
	"slices"
	"strconv"

	"connectrpc.com/connect"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

func budgetLeft(v *state.State, e *state.Experiment) int64 {
	return int64(v.Book().Balance(books.Budget(e.Name)))
}

// settlement sums the newest settled round of an experiment that pays up.
func settlement(e *state.Experiment) *possev1.Settlement {
	sum := func(round uint64, winners []state.Payment, pivotal []string, reserve incentives.Credits) *possev1.Settlement {
		out := &possev1.Settlement{Round: round, Winners: uint32(len(winners)), Pivotal: uint32(len(pivotal))}
		for _, w := range winners {
			out.PaidMicro += int64(w.Amount)
			out.ReserveCostMicro += int64(reserve)
		}
		return out
	}
	if !e.Rules.Paid {
		return nil
	}
	if r := e.Round; r != nil && len(r.Winners) > 0 {
		return sum(r.ID, r.Winners, r.Pivotal, r.Reserve)
	}
	for _, r := range slices.Backward(e.Rounds) {
		if len(r.Winners) > 0 {
			return sum(r.ID, r.Winners, r.Pivotal, r.Reserve)
		}
	}
	return nil
}

// Books is every account with its balance, and whether they balance.
func (s service) Books(context.Context, *connect.Request[possev1.BooksRequest]) (*connect.Response[possev1.BooksResponse], error) {
	out := &possev1.BooksResponse{}
	s.View(func(v *state.State) {
		for _, b := range v.Book().Balances() {
			out.Accounts = append(out.Accounts, &possev1.Account{Name: string(b.Account), Micro: int64(b.Amount)})
		}
		out.Balanced = v.Book().Check() == nil
		out.Transactions = uint64(len(v.Book().Transactions()))
	})
	return connect.NewResponse(out), nil
}

// Withdraw records that a node was paid out, outside.
func (s service) Withdraw(ctx context.Context, r *connect.Request[possev1.WithdrawRequest]) (*connect.Response[possev1.WithdrawResponse], error) {
	q := r.Msg
	result, err := s.propose(ctx, &possev1.Command{Body: &possev1.Command_Withdraw{Withdraw: &possev1.Withdraw{
		Node: q.GetNode(), Micro: q.GetMicro(), Reference: q.GetReference(),
	}}})
	if err != nil {
		return nil, err
	}
	left, err := strconv.ParseInt(result.Value, 10, 64)
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&possev1.WithdrawResponse{LeftMicro: left}), nil
}

// leavesAtOnce bounds one answer, in leaves.
const leavesAtOnce = 1000

// Log returns leaves, and a signed head over at least those with the keys that it is
// signed with.
func (s service) Log(ctx context.Context, r *connect.Request[possev1.LogRequest]) (*connect.Response[possev1.LogResponse], error) {
	limit := int(r.Msg.GetLimit())
	if limit == 0 {
		limit = leavesAtOnce
	}
	if limit > leavesAtOnce {
		return nil, failure(posse.OutOfRange("limit", strconv.Itoa(limit), "[1, 1000]", "ask for the rest in a second request"))
	}
	out := &possev1.LogResponse{}
	s.View(func(v *state.State) {
		out.Size, out.Origin = v.Log.Size, v.Origin
		for _, p := range v.Replicas {
			out.Verifiers = append(out.Verifiers, p.Verifier)
		}
	})
	var err error
	if out.Leaves, err = s.Leaves(r.Msg.GetFrom(), limit, wire.Report); err != nil {
		return nil, failure(err)
	}
	note, err := s.Checkpoint(ctx)
	if err != nil {
		return nil, failure(err)
	}
	out.Checkpoints = [][]byte{note}
	return connect.NewResponse(out), nil
}

// openingsAtOnce bounds one answer, in bids.
const openingsAtOnce = 10_000

// Openings returns the bids of settled rounds that the log holds as commitments, as
// far as this replica has them.
func (s service) Openings(_ context.Context, r *connect.Request[possev1.OpeningsRequest]) (*connect.Response[possev1.OpeningsResponse], error) {
	all, err := s.Source.Openings(r.Msg.GetFrom(), openingsAtOnce)
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&possev1.OpeningsResponse{Openings: all}), nil
}
