package coordinator

import (
	"context"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/rounds"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

// nodeWait is the longest that a node's request is worked on; a watch takes up to
// watchTime of it.
const (
	nodeWait  = 15 * time.Second
	watchTime = 3 * time.Second
)

// serve opens the doors for peers.
func (c *Coordinator) serve() {
	peer.Serve(c.host, wire.Round, peer.Node, peer.Limits{Request: wire.Report, Answer: wire.Report, Wait: nodeWait}, c.serveNode)
	peer.Serve(c.host, wire.Forward, peer.Replica, peer.Limits{Request: wire.Command, Answer: wire.Report, Wait: nodeWait}, c.serveForward)
	peer.Serve(c.host, wire.Join, peer.Stranger|peer.Node|peer.Replica, peer.Limits{Wait: nodeWait}, c.serveJoin)
}

// serveNode answers one request of a node. Who asks is the connection's peer.
func (c *Coordinator) serveNode(ctx context.Context, from string, q *possev1.NodeRequest) (*possev1.NodeResponse, error) {
	l, err := c.reign(ctx)
	if err != nil {
		return nil, err
	}
	node := ""
	c.machine.View(func(s *state.State) {
		if n := s.NodeOf(from); n != nil {
			node = n.Name
		}
	})
	if node == "" {
		return nil, &posse.Error{
			Code: posse.PermissionDenied, Reason: "NOT_ENROLLED", Field: "node",
			Message: "the node is not enrolled", Hint: "join with an invite",
		}
	}
	switch q := q.GetBody().(type) {
	case *possev1.NodeRequest_Watch:
		return c.watch(ctx, l, node, q.Watch.GetIndex())
	case *possev1.NodeRequest_Ready:
		return c.ready(l, node, q.Ready)
	case *possev1.NodeRequest_Offer:
		return accepted(l.ask(ctx, func(t uint64) rounds.Event { return rounds.OfferCame{Node: node, Signed: q.Offer, Ticket: t} }))
	case *possev1.NodeRequest_Report:
		return accepted(l.ask(ctx, func(t uint64) rounds.Event { return rounds.ReportCame{Node: node, Signed: q.Report, Ticket: t} }))
	case *possev1.NodeRequest_Fetch:
		return c.fetch(ctx, node, q.Fetch)
	default:
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "MALFORMED", Field: "body", Message: "the request asks for nothing that this version knows",
			Hint: "install the version that the coordinator runs",
		}
	}
}

func accepted(a rounds.Answer, err error) (*possev1.NodeResponse, error) {
	if err == nil {
		err = a.Err
	}
	if err != nil {
		return nil, err
	}
	return &possev1.NodeResponse{Body: &possev1.NodeResponse_Accepted{Accepted: &possev1.Accepted{Duplicate: a.Duplicate}}}, nil
}

// ready takes a node's public clock. It is not replicated: a node tells each leader.
func (c *Coordinator) ready(l *leadership, node string, q *possev1.Ready) (*possev1.NodeResponse, error) {
	known := false
	c.machine.View(func(s *state.State) { known = s.Experiment(q.GetExperiment()) != nil })
	if !known {
		return nil, state.UnknownExperiment(q.GetExperiment())
	}
	l.mu.Lock()
	key := [2]string{q.GetExperiment(), node}
	l.ready[key] = max(l.ready[key], q.GetDecisions())
	l.mu.Unlock()
	if !l.send(rounds.ReadyCame{Node: node, Experiment: q.GetExperiment(), Decisions: q.GetDecisions()}) {
		return nil, noLeader("")
	}
	return &possev1.NodeResponse{Body: &possev1.NodeResponse_Accepted{Accepted: &possev1.Accepted{}}}, nil
}

// watch waits until something that concerns the node changed after index. The first
// watch under a leader is answered at once, so that the node tells it what only
// leaders remember.
func (c *Coordinator) watch(ctx context.Context, l *leadership, node string, index uint64) (*possev1.NodeResponse, error) {
	if !l.send(rounds.Seen{Node: node}) {
		return nil, noLeader("")
	}
	l.mu.Lock()
	first := !l.greeted[node]
	l.greeted[node] = true
	l.mu.Unlock()
	timer := time.NewTimer(watchTime)
	defer timer.Stop()
	for {
		moved := c.moving()
		var view *possev1.WatchResult
		c.machine.View(func(s *state.State) {
			if first || index == 0 || changedAt(s, node) > index {
				view = c.nodeView(s, l, node)
			}
		})
		if view == nil {
			select {
			case <-moved:
				if l.ctx.Err() == nil {
					continue
				}
				return nil, noLeader("")
			case <-l.ctx.Done():
				return nil, noLeader("")
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-timer.C:
				c.machine.View(func(s *state.State) { view = c.nodeView(s, l, node) })
			}
		}
		return &possev1.NodeResponse{Body: &possev1.NodeResponse_Watch{Watch: view}}, nil
	}
}

// changedAt is the index of the last command that concerns a node.
func changedAt(s *state.State, node string) (index uint64) {
	for _, e := range s.Experiments {
		index = max(index, e.Changed)
		if m := e.Member(node); m != nil {
			index = max(index, m.Changed)
		}
	}
	return index
}

// boughtRounds is for how many rounds a node is told what was bought of it.
const boughtRounds = 64

// nodeView is the state as one node may see it.
func (c *Coordinator) nodeView(s *state.State, l *leadership, node string) *possev1.WatchResult {
	out := &possev1.WatchResult{Index: changedAt(s, node), Node: node}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range s.Experiments {
		m := e.Member(node)
		if m == nil {
			continue
		}
		v := &possev1.NodeExperiment{
			Name: e.Name, File: e.File, Closed: e.Closed, Ended: e.Ended, Granted: m.Granted,
			InitialDescriptor: e.Initial().Bytes, Ready: l.ready[[2]string{e.Name, node}],
		}
		for _, q := range s.Window(e) {
			if q.Node == node {
				v.Quota = q.Units
			}
		}
		for _, leaf := range m.Leaves {
			if leaf.Bought > 0 && leaf.Bought+boughtRounds > e.Opened {
				v.Bought = append(v.Bought, leaf.Number)
			}
		}
		v.Round = nodeRound(e, node)
		out.Experiments = append(out.Experiments, v)
	}
	return out
}

func nodeRound(e *state.Experiment, node string) *possev1.NodeRound {
	if r := e.Round; r != nil {
		_, chosen := r.Won(node)
		return &possev1.NodeRound{
			Id: r.ID, Phase: r.Phase, OfferByMs: r.OfferBy, ReportByMs: r.ReportBy,
			Offered: r.Offer(node) != nil, Chosen: chosen, Delivered: r.Report(node) != nil,
		}
	}
	if len(e.Rounds) == 0 {
		return nil
	}
	r := e.Rounds[len(e.Rounds)-1]
	out := &possev1.NodeRound{Id: r.ID, Phase: r.Phase}
	for _, o := range r.Offered {
		if o.Node == node {
			out.Offered, out.Delivered = true, o.Report != [32]byte{}
		}
	}
	for _, w := range r.Winners {
		out.Chosen = out.Chosen || w.Node == node
	}
	return out
}
