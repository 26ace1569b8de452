package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/possev1/possev1connect"
	"github.com/posse-dev/posse/protocols/wire"
)

// Source is what the service needs of its replica. All fields are required.
type Source struct {
	// View shows the state that this replica has applied.
	View func(func(*state.State))
	// Propose commits a command, here or at the leader, and waits until it is applied
	// here.
	Propose func(context.Context, *possev1.Command) (state.Result, error)
	// Cluster returns what is known of the replicas: leader, term, members.
	Cluster func() *possev1.StatusResponse
	// Transfer hands leadership over and returns the new leader's name.
	Transfer func(context.Context) (string, error)
	// Leaves returns leaves of the transparency log.
	Leaves func(from uint64, limit, maxBytes int) ([][]byte, error)
	// Openings returns bids of settled rounds that the log holds as commitments.
	Openings func(from uint64, limit int) ([]*possev1.Opening, error)
	// Checkpoint returns a signed head over the whole log.
	Checkpoint func(context.Context) ([]byte, error)
	// Token makes the text of an invite from its secret.
	Token func(secret [32]byte) string
	// Catalogue lists the policies.
	Catalogue catalogue.Catalogue
	// Now is the clock.
	Now func() time.Time
}

type service struct{ Source }

var _ possev1connect.AdminServiceHandler = service{}

// New returns the path of the service and its handler. Serve it behind [Guard].
func New(s Source) (path string, handler http.Handler) {
	return possev1connect.NewAdminServiceHandler(service{s}, connect.WithReadMaxBytes(wire.ControlMax))
}

// Status is the cluster, its experiments and its log.
func (s service) Status(context.Context, *connect.Request[possev1.StatusRequest]) (*connect.Response[possev1.StatusResponse], error) {
	out := s.Cluster()
	s.View(func(v *state.State) {
		out.Cluster = v.Cluster
		out.LogSize, out.CheckpointSize = v.Log.Size, v.Log.Checkpoint.Size
		out.CheckpointSignatures = uint32(len(v.Log.Checkpoint.Signatures))
		out.Experiments = s.experiments(v)
	})
	return connect.NewResponse(out), nil
}

func (s service) experiments(v *state.State) (out []*possev1.ExperimentStatus) {
	for _, e := range v.Experiments {
		status := &possev1.ExperimentStatus{
			Name: e.Name, State: e.State(), PrivacyUnit: e.Rules.Unit, Nodes: uint32(len(v.Active())),
			Round: e.Opened, Version: e.Version(), BudgetLeftMicro: budgetLeft(v, e), Published: e.Version(), Aborted: e.Aborted,
			Settlement: settlement(e),
		}
		if file, err := experiment.Read(e.Name, e.File); err == nil {
			status.PrivacyModel = file.Privacy.Model.String()
			status.Answer = answer(e, file, s.Catalogue)
		}
		out = append(out, status)
	}
	return out
}

// answer is what the newest version prefers, empty while several are in play.
func answer(e *state.Experiment, file *experiment.Experiment, c catalogue.Catalogue) string {
	summary, err := Summary(e, file, c)
	if err != nil {
		return ""
	}
	return summary.Answer
}

// Summary is the newest version in words and numbers.
func Summary(e *state.Experiment, file *experiment.Experiment, c catalogue.Catalogue) (mechanisms.Summary, error) {
	shared, err := c.Shared(file.Policy.Name, file.Settings())
	if err != nil {
		return mechanisms.Summary{}, err
	}
	d, err := mechanisms.DecodeDescriptor(e.Descriptor().Bytes)
	if err != nil {
		return mechanisms.Summary{}, err
	}
	var m mechanisms.Model
	if v := e.Newest(); v != nil {
		if m, err = mechanisms.DecodeModel(v.Model()); err != nil {
			return mechanisms.Summary{}, err
		}
	}
	return shared.Summary(m, d)
}

// ApplyExperiment makes an experiment, or changes a running one.
func (s service) ApplyExperiment(ctx context.Context, r *connect.Request[possev1.ApplyExperimentRequest]) (*connect.Response[possev1.ApplyExperimentResponse], error) {
	file, err := experiment.Read(r.Msg.GetFilename(), r.Msg.GetFile())
	if err != nil {
		return nil, failure(err)
	}
	var running *experiment.Experiment
	nodes, closed := 0, false
	s.View(func(v *state.State) {
		nodes = len(v.Active())
		if e := v.Experiment(file.Name); e != nil {
			running, err = experiment.Read(e.Name, e.File)
			closed = e.Closed
		}
	})
	if err == nil && closed {
		err = &posse.Error{
			Code: posse.FailedPrecondition, Reason: "EXPERIMENT_CLOSED", Field: "metadata.name", Value: file.Name,
			Message: "the experiment is closed", Hint: "create a new one under another name",
		}
	}
	if err != nil {
		return nil, failure(err)
	}
	command, err := Application(file, running, s.Catalogue, nodes)
	if err != nil {
		return nil, failure(err)
	}
	out := &possev1.ApplyExperimentResponse{
		Name: file.Name, Created: running == nil, Changed: running == nil || string(running.Canonical()) != string(command.GetFile()),
	}
	if !r.Msg.GetDryRun() {
		if _, err := s.propose(ctx, &possev1.Command{Body: &possev1.Command_ApplyExperiment{ApplyExperiment: command}}); err != nil {
			return nil, err
		}
	}
	s.View(func(v *state.State) {
		if e := v.Experiment(file.Name); e != nil {
			out.Revision = e.Revision
		}
	})
	return connect.NewResponse(out), nil
}

// ListExperiments lists them all, by name.
func (s service) ListExperiments(context.Context, *connect.Request[possev1.ListExperimentsRequest]) (*connect.Response[possev1.ListExperimentsResponse], error) {
	out := &possev1.ListExperimentsResponse{}
	s.View(func(v *state.State) { out.Experiments = s.experiments(v) })
	return connect.NewResponse(out), nil
}

// CloseExperiment ends one for good.
func (s service) CloseExperiment(ctx context.Context, r *connect.Request[possev1.CloseExperimentRequest]) (*connect.Response[possev1.CloseExperimentResponse], error) {
	_, err := s.propose(ctx, &possev1.Command{Body: &possev1.Command_CloseExperiment{
		CloseExperiment: &possev1.CloseExperiment{Name: r.Msg.GetName()},
	}})
	return connect.NewResponse(&possev1.CloseExperimentResponse{}), err
}

// inviteFor is how long an invite holds unless the operator says otherwise.
const inviteFor = 24 * time.Hour

// CreateInvite makes an invite. The secret is in the answer alone: the state keeps
// its hash.
func (s service) CreateInvite(ctx context.Context, r *connect.Request[possev1.CreateInviteRequest]) (*connect.Response[possev1.CreateInviteResponse], error) {
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, failure(err)
	}
	q := r.Msg
	role, lasts := q.GetRole(), time.Duration(q.GetExpiresInMs())*time.Millisecond
	if role == "" {
		role = "node"
	}
	if lasts == 0 {
		lasts = inviteFor
	}
	if lasts < 0 {
		return nil, failure(posse.OutOfRange("expires", lasts.String(), "1 minute to 30 days", ""))
	}
	hash := sha256.Sum256(secret[:])
	expires := s.Now().Add(lasts).UnixMilli()
	if _, err := s.propose(ctx, &possev1.Command{Body: &possev1.Command_CreateInvite{CreateInvite: &possev1.CreateInvite{
		SecretHash: hash[:], Name: q.GetName(), Role: role, Weight: q.GetWeight(), ExpiresMs: expires, PeerId: q.GetPeerId(),
	}}}); err != nil {
		return nil, err
	}
	return connect.NewResponse(&possev1.CreateInviteResponse{Token: s.Token(secret), ExpiresMs: expires}), nil
}

// ListInvites lists all invites, in the order of their making.
func (s service) ListInvites(context.Context, *connect.Request[possev1.ListInvitesRequest]) (*connect.Response[possev1.ListInvitesResponse], error) {
	out := &possev1.ListInvitesResponse{}
	s.View(func(v *state.State) {
		for _, i := range v.Invites {
			out.Invites = append(out.Invites, &possev1.Invite{
				Name: i.Name, Role: i.Role, ExpiresMs: i.Expires, Used: i.Used, Revoked: i.Revoked,
			})
		}
	})
	return connect.NewResponse(out), nil
}

// RevokeInvite makes an invite worthless.
func (s service) RevokeInvite(ctx context.Context, r *connect.Request[possev1.RevokeInviteRequest]) (*connect.Response[possev1.RevokeInviteResponse], error) {
	_, err := s.propose(ctx, &possev1.Command{Body: &possev1.Command_RevokeInvite{RevokeInvite: &possev1.RevokeInvite{Name: r.Msg.GetName()}}})
	return connect.NewResponse(&possev1.RevokeInviteResponse{}), err
}

// RevokeNode ends a node's part.
func (s service) RevokeNode(ctx context.Context, r *connect.Request[possev1.RevokeNodeRequest]) (*connect.Response[possev1.RevokeNodeResponse], error) {
	_, err := s.propose(ctx, &possev1.Command{Body: &possev1.Command_RevokeNode{RevokeNode: &possev1.RevokeNode{Name: r.Msg.GetName()}}})
	return connect.NewResponse(&possev1.RevokeNodeResponse{}), err
}

// TransferLeadership lets another replica lead.
func (s service) TransferLeadership(ctx context.Context, _ *connect.Request[possev1.TransferLeadershipRequest]) (*connect.Response[possev1.TransferLeadershipResponse], error) {
	leader, err := s.Transfer(ctx)
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&possev1.TransferLeadershipResponse{Leader: leader}), nil
}

// propose commits a command in the operator's name.
func (s service) propose(ctx context.Context, c *possev1.Command) (state.Result, error) {
	c.Actor = "operator"
	r, err := s.Propose(ctx, c)
	if err == nil {
		err = r.Error()
	}
	if err != nil {
		return r, failure(err)
	}
	return r, nil
}

// failure is an error as Connect carries it: the code, the message, and all facts in
// a detail of type posse.v1.Refusal.
func failure(err error) error {
	var known *posse.Error
	if !errors.As(err, &known) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return connect.NewError(connect.CodeUnavailable, errors.New("the cluster did not answer in time"))
		}
		return connect.NewError(connect.CodeInternal, errors.New("internal error"))
	}
	var code connect.Code
	if code.UnmarshalText([]byte(known.Code)) != nil {
		code = connect.CodeInternal
	}
	out := connect.NewError(code, fmt.Errorf("%s", known.Error()))
	problems := known.Problems
	if len(problems) == 0 {
		problems = []*posse.Error{known}
	}
	for _, p := range problems {
		if detail, err := connect.NewErrorDetail(&possev1.Refusal{
			Code: string(p.Code), Reason: p.Reason, Field: p.Field, Value: p.Value, Allowed: p.Allowed, Message: p.Message, Hint: p.Hint,
			File: p.File, Line: uint32(p.Line), Column: uint32(p.Column),
		}); err == nil {
			out.AddDetail(detail)
		}
	}
	return out
}
