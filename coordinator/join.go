package coordinator

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/protocols/checkpoint"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

// serveJoin enrols whoever shows an invite. Whatever is wrong, a stranger is told
// the same.
func (c *Coordinator) serveJoin(ctx context.Context, from string, q *possev1.JoinRequest) (*possev1.JoinResponse, error) {
	prefix := peer.Prefix(ctx)
	if c.joins.Barred(prefix) {
		return nil, &posse.Error{
			Code: posse.ResourceExhausted, Reason: "LIMIT_EXCEEDED", Field: "joins", Message: "too many joins were refused",
			Hint: "retry in a minute",
		}
	}
	hash := sha256.Sum256(q.GetSecret())
	e := &possev1.Enrol{SecretHash: hash[:], PeerId: from, Addresses: q.GetAddresses()}
	if q.GetRole() == "replica" {
		name := ""
		c.machine.View(func(s *state.State) {
			for _, i := range s.Invites {
				if i.SecretHash == hash {
					name = i.Name
				}
			}
		})
		if len(q.GetCheckpointKey()) == ed25519.PublicKeySize && name != "" {
			key, err := checkpoint.VerifierKey(name, q.GetCheckpointKey())
			if err != nil {
				return nil, err
			}
			e.CheckpointKey = []byte(key)
		}
	}
	r, err := c.Propose(ctx, &possev1.Command{Actor: "joiner", Body: &possev1.Command_Enrol{Enrol: e}})
	if err != nil {
		return nil, err
	}
	if r.Err != nil {
		c.joins.Refuse(prefix)
		c.config.Log.Info("a join was refused", "peer", from, "reason", r.Err.Reason)
		return nil, r.Err
	}
	out := &possev1.JoinResponse{Name: r.Value}
	c.machine.View(func(s *state.State) {
		out.Cluster, out.Origin = s.Cluster, s.Origin
		for _, p := range s.Replicas {
			out.Replicas = append(out.Replicas, &possev1.ReplicaAddress{Name: p.Name, PeerId: p.PeerID, Addresses: p.Addresses, Verifier: p.Verifier})
			out.Verifiers = append(out.Verifiers, p.Verifier)
		}
	})
	return out, nil
}

// join enrols this replica with its invite and remembers the others.
func (c *Coordinator) join(ctx context.Context) error {
	token, err := ParseToken(c.config.Join)
	if err != nil {
		return err
	}
	for _, r := range token.Replicas {
		if err := c.book.Set(r.entry()); err != nil {
			return err
		}
	}
	key, err := peer.LoadOrCreateKey(c.config.Dir, checkpointKey)
	if err != nil {
		return err
	}
	q := &possev1.JoinRequest{
		Secret: token.Secret[:], Role: "replica", CheckpointKey: key.Public().(ed25519.PublicKey), Addresses: c.Self().Addresses,
	}
	var tried error
	for _, r := range token.Replicas {
		var answer possev1.JoinResponse
		if err := c.host.Request(ctx, r.PeerID, wire.Join, q, &answer, peer.Limits{}); err != nil {
			tried = errors.Join(tried, err)
			continue
		}
		if answer.GetName() != c.config.Name {
			return &posse.Error{
				Code: posse.FailedPrecondition, Reason: "CONFLICT", Field: "name", Value: c.config.Name, Allowed: answer.GetName(),
				Message: "the invite is for a replica of another name", Hint: "start it with --name " + answer.GetName(),
			}
		}
		var members []Peer
		for _, r := range answer.GetReplicas() {
			m := Peer{r.GetName(), r.GetPeerId(), r.GetVerifier(), r.GetAddresses()}
			if err := c.book.Set(m.entry()); err != nil {
				return err
			}
			members = append(members, m)
		}
		return c.writeMembers(members)
	}
	return tried
}
