package coordinator

import (
	"context"
	"fmt"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

// fetch gives a node a version that it was granted, with the proof that everybody
// is shown the same one: the log's leaf, and a head that a majority signed.
func (c *Coordinator) fetch(ctx context.Context, node string, q *possev1.Fetch) (*possev1.NodeResponse, error) {
	b := &possev1.ModelBundle{Version: q.GetVersion()}
	var refused error
	c.machine.View(func(s *state.State) {
		e := s.Experiment(q.GetExperiment())
		if e == nil || e.Member(node) == nil {
			refused = state.UnknownExperiment(q.GetExperiment())
			return
		}
		v := e.VersionOf(q.GetVersion())
		if q.GetVersion() > e.Member(node).Granted || v == nil {
			refused = posse.OutOfRange("version", fmt.Sprint(q.GetVersion()), fmt.Sprint(e.Member(node).Granted),
				"fetch the newest version that was granted to this node")
			return
		}
		b.Model, b.Descriptor_, b.LeafIndex = v.Model(), v.Descriptor, v.Leaf
	})
	if refused != nil {
		return nil, refused
	}
	signed, err := c.cosigner.AtLeast(ctx, max(b.LeafIndex+1, q.GetCheckpointSize()))
	if err != nil {
		return nil, err
	}
	leaves, err := c.log.Leaves(b.LeafIndex, 1, wire.Report)
	if err != nil {
		return nil, err
	}
	if len(leaves) != 1 {
		return nil, fmt.Errorf("leaf %d is not here", b.LeafIndex)
	}
	b.Leaf = leaves[0]
	if b.Checkpoint, err = signed.Text(); err != nil {
		return nil, err
	}
	if b.Inclusion, err = c.log.Inclusion(b.LeafIndex, signed.Head.Size); err != nil {
		return nil, err
	}
	if size := q.GetCheckpointSize(); size > 0 {
		if b.Consistency, err = c.log.Consistency(size, signed.Head.Size); err != nil {
			return nil, err
		}
	}
	return &possev1.NodeResponse{Body: &possev1.NodeResponse_Model{Model: b}}, nil
}
