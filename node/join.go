package node

import (
	"context"
	"errors"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

// Invite is what an operator's token says: where to knock, whom to expect there
// and the secret that opens once. The secret is never printed.
type Invite struct {
	Secret   []byte
	Replicas []Replica // peer ids and addresses; nothing else is known yet
}

// Join enrols the node whose directory is dir with an invite, and writes what it
// learnt there. Asking again with the same invite gives the same answer. private
// allows replicas at loopback and private addresses.
func Join(ctx context.Context, dir string, in Invite, private bool) (Cluster, error) {
	identity, err := peer.LoadOrCreate(dir)
	if err != nil {
		return Cluster{}, err
	}
	book := peer.NewBook()
	for _, r := range in.Replicas {
		if err := book.Set(peer.Entry{ID: r.PeerID, Role: peer.Replica, Addresses: r.Addresses}); err != nil {
			return Cluster{}, err
		}
	}
	host, err := peer.NewHost(peer.Config{Identity: identity, Book: book, Private: private})
	if err != nil {
		return Cluster{}, err
	}
	defer func() { _ = host.Close() }()
	var tried error
	for _, r := range in.Replicas {
		var answer possev1.JoinResponse
		err := host.Request(ctx, r.PeerID, wire.Join, &possev1.JoinRequest{Secret: in.Secret, Role: "node"}, &answer, peer.Limits{})
		if err != nil {
			if tried = errors.Join(tried, err); posse.As(err).Code == posse.Unavailable {
				continue
			}
			return Cluster{}, err
		}
		c := Cluster{Name: answer.GetName(), Cluster: answer.GetCluster(), Origin: answer.GetOrigin()}
		for _, a := range answer.GetReplicas() {
			c.Replicas = append(c.Replicas, Replica{
				Name: a.GetName(), PeerID: a.GetPeerId(), Addresses: a.GetAddresses(), Verifier: a.GetVerifier(),
			})
		}
		return c, WriteCluster(dir, c)
	}
	if tried == nil {
		tried = errors.New("the invite names no replica")
	}
	return Cluster{}, tried
}
