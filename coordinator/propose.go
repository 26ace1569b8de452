package coordinator

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/consensus"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

// proposePause is the wait between two tries of a command whose outcome is unknown.
const proposePause = 20 * time.Millisecond

// Propose commits a command of an operator or a joiner, here or at the leader, and
// returns what became of it once this replica has applied it. A try whose outcome
// is unknown is made again with the same id, which the state counts once, until ctx
// ends. A refusal by the state is in the result.
func (c *Coordinator) Propose(ctx context.Context, command *possev1.Command) (state.Result, error) {
	if len(command.GetRequestId()) == 0 {
		command.RequestId = make([]byte, 16)
		if _, err := rand.Read(command.RequestId); err != nil {
			return state.Result{}, err
		}
	}
	for {
		result, err := c.proposeOnce(ctx, command)
		if err == nil {
			return result, nil
		}
		var e *posse.Error
		again := errors.Is(err, consensus.ErrUnknownOutcome) || errors.Is(err, consensus.ErrNotLeader) ||
			errors.As(err, &e) && e.Code == posse.Unavailable
		if !again {
			return state.Result{}, err
		}
		select {
		case <-time.After(proposePause):
		case <-ctx.Done():
			return state.Result{}, err
		case <-c.ctx.Done():
			return state.Result{}, err
		}
	}
}

func (c *Coordinator) proposeOnce(ctx context.Context, command *possev1.Command) (state.Result, error) {
	if c.raft.IsLeader() {
		result, _, err := c.commit(ctx, command)
		return result, err
	}
	leader, known := c.raft.Leader()
	if !known {
		return state.Result{}, noLeader("")
	}
	raw, err := proto.Marshal(command)
	if err != nil {
		return state.Result{}, err
	}
	var answer possev1.ForwardResponse
	if err := c.host.Request(ctx, leader, wire.Forward, &possev1.ForwardRequest{
		Body: &possev1.ForwardRequest_Command{Command: raw},
	}, &answer, peer.Limits{Request: wire.Command, Answer: wire.Report}); err != nil {
		return state.Result{}, err
	}
	if r := answer.GetRefusal(); r != nil {
		return state.Result{Err: fromRefusal(r)}, nil
	}
	if err := c.raft.WaitApplied(ctx, answer.GetIndex()); err != nil {
		return state.Result{}, err
	}
	return state.Result{Value: answer.GetResult(), Duplicate: answer.GetDuplicate()}, nil
}

// commit stamps the time on a command and commits it here.
func (c *Coordinator) commit(ctx context.Context, command *possev1.Command) (state.Result, uint64, error) {
	command.NowMs = c.nowMS()
	raw, err := proto.Marshal(command)
	if err != nil {
		return state.Result{}, 0, err
	}
	result, index, err := c.raft.Propose(ctx, raw)
	if err != nil {
		return state.Result{}, 0, err
	}
	r, ok := result.(state.Result)
	if !ok {
		return state.Result{}, 0, errors.New("the command was not applied")
	}
	return r, index, nil
}

// serveForward answers the other replicas.
func (c *Coordinator) serveForward(ctx context.Context, _ string, q *possev1.ForwardRequest) (*possev1.ForwardResponse, error) {
	switch q := q.GetBody().(type) {
	case *possev1.ForwardRequest_Command:
		var command possev1.Command
		if err := wire.Strict(q.Command, &command); err != nil {
			return nil, err
		}
		r, index, err := c.commit(ctx, &command)
		if err != nil {
			return nil, err
		}
		if r.Err != nil {
			return &possev1.ForwardResponse{Refusal: toRefusal(r.Err)}, nil
		}
		return &possev1.ForwardResponse{Result: r.Value, Duplicate: r.Duplicate, Index: index}, nil
	case *possev1.ForwardRequest_Cosign:
		note, err := c.cosigner.Sign(ctx, q.Cosign.GetSize(), q.Cosign.GetRoot())
		if err != nil {
			return nil, err
		}
		return &possev1.ForwardResponse{Note: note}, nil
	case *possev1.ForwardRequest_Leaves:
		leaves, err := c.log.Leaves(q.Leaves.GetFrom(), int(min(q.Leaves.GetLimit(), leavesAtOnce)), wire.Report/2)
		return &possev1.ForwardResponse{Leaves: leaves}, err
	default:
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "MALFORMED", Field: "body", Message: "the request asks for nothing that this version knows",
			Hint: "run the same version on all replicas",
		}
	}
}

func toRefusal(e *posse.Error) *possev1.Refusal {
	return &possev1.Refusal{
		Code: string(e.Code), Reason: e.Reason, Field: e.Field, Value: e.Value, Allowed: e.Allowed, Message: e.Message, Hint: e.Hint,
	}
}

func fromRefusal(r *possev1.Refusal) *posse.Error {
	return &posse.Error{
		Code: posse.Code(r.GetCode()), Reason: r.GetReason(), Field: r.GetField(), Value: r.GetValue(), Allowed: r.GetAllowed(),
		Message: r.GetMessage(), Hint: r.GetHint(),
	}
}
