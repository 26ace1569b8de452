package coordinator

import (
	"context"
	"fmt"
	"time"

	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

const (
	// checkpointLeaves is after how many leaves a signed head enters the log at once.
	checkpointLeaves = 1000
	// cosignWait bounds one round of questions to the other replicas.
	cosignWait = 3 * time.Second
	// fillEvery is how often missing leaves are asked for.
	fillEvery    = 100 * time.Millisecond
	leavesAtOnce = 1024
	// checkEvery is how often a leader looks for a hash of its state to compare.
	checkEvery = time.Second
)

// askCosign asks another replica for its signature over a head.
func (c *Coordinator) askCosign(ctx context.Context, peerID string, size uint64, root []byte) ([]byte, error) {
	var answer possev1.ForwardResponse
	err := c.host.Request(ctx, peerID, wire.Forward, &possev1.ForwardRequest{Body: &possev1.ForwardRequest_Cosign{
		Cosign: &possev1.CosignRequest{Size: size, Root: root},
	}}, &answer, peer.Limits{Answer: wire.Report, Wait: cosignWait})
	return answer.GetNote(), err
}

// keepCheckpoints lets signed heads enter the log while it grows.
func (c *Coordinator) keepCheckpoints() {
	tick := time.NewTicker(c.config.CheckpointEvery)
	defer tick.Stop()
	for {
		full := time.NewTimer(time.Second)
		select {
		case <-tick.C:
		case <-full.C:
			if c.unsigned() < checkpointLeaves {
				continue
			}
		case <-c.ctx.Done():
			full.Stop()
			return
		}
		full.Stop()
		if c.leading.Load() == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(c.ctx, cosignWait)
		if err := c.CommitCheckpoint(ctx); err != nil {
			c.config.Log.Warn("no head was signed", "why", err)
		}
		cancel()
	}
}

// unsigned is how many leaves came after the newest head in the log, that head's
// own leaf not counted.
func (c *Coordinator) unsigned() (n uint64) {
	c.machine.View(func(s *state.State) {
		n = s.Log.Size - s.Log.Checkpoint.Size
		if s.Log.Checkpoint.Size > 0 {
			n--
		}
	})
	return n
}

// CommitCheckpoint gathers signatures over the log as it is now and lets the signed
// head enter it. It does nothing when the newest head covers all.
func (c *Coordinator) CommitCheckpoint(ctx context.Context) error {
	if c.unsigned() == 0 {
		return nil
	}
	signed, err := c.cosigner.AtLeast(ctx, c.log.Size())
	if err != nil {
		return err
	}
	command := &possev1.CosignCheckpoint{Size: signed.Head.Size, Root: signed.Head.Root}
	for _, n := range signed.Notes {
		command.Signatures = append(command.Signatures, &possev1.Cosignature{Replica: n.Replica, Note: n.Bytes})
	}
	r, err := c.Propose(ctx, &possev1.Command{Actor: "leader", Body: &possev1.Command_CosignCheckpoint{CosignCheckpoint: command}})
	if err != nil {
		return err
	}
	return r.Error()
}

// fillLog fetches the leaves that a snapshot skipped from the other replicas. They
// need not be trusted: the snapshot's root decides.
func (c *Coordinator) fillLog() {
	tick := time.NewTicker(fillEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			return
		}
		from, to := c.log.Missing()
		if to == 0 {
			continue
		}
		for _, r := range c.others() {
			leaves, err := c.fetchLeaves(r.PeerID, from, to)
			if err == nil {
				err = c.log.Fill(leaves)
			}
			if err == nil {
				break
			}
			c.config.Log.Warn("missing leaves were not got", "replica", r.Name, "why", err)
		}
	}
}

func (c *Coordinator) fetchLeaves(peerID string, from, to uint64) ([][]byte, error) {
	var out [][]byte
	for next := from; next < to; next = from + uint64(len(out)) {
		var answer possev1.ForwardResponse
		if err := c.host.Request(c.ctx, peerID, wire.Forward, &possev1.ForwardRequest{Body: &possev1.ForwardRequest_Leaves{
			Leaves: &possev1.LeavesRequest{From: next, Limit: uint32(min(to-next, leavesAtOnce))},
		}}, &answer, peer.Limits{Answer: wire.Report, Wait: cosignWait}); err != nil {
			return nil, err
		}
		if len(answer.GetLeaves()) == 0 {
			return nil, fmt.Errorf("it does not have leaf %d either", next)
		}
		out = append(out, answer.GetLeaves()...)
	}
	return out, nil
}

// checkStates lets every replica compare its state with the leader's, each time that
// the leader has hashed its own.
func (c *Coordinator) checkStates(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	checked := uint64(0)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		index, hash := c.machine.Mark()
		if index == checked {
			continue
		}
		checked = index
		if _, err := c.Propose(ctx, &possev1.Command{Actor: "leader", Body: &possev1.Command_CheckState{
			CheckState: &possev1.CheckState{Index: index, Hash: hash[:]},
		}}); err != nil && ctx.Err() == nil {
			c.config.Log.Warn("states were not compared", "why", err)
		}
	}
}
