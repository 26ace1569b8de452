package coordinator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/admin"
	"github.com/posse-dev/posse/coordinator/consensus"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/coordinator/web"
	"github.com/posse-dev/posse/protocols/checkpoint"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

// listenAdmin makes the HTTP server of the operator's API and the dashboard, on
// loopback alone. It answers after Start.
func (c *Coordinator) listenAdmin() error {
	address, err := netip.ParseAddrPort(c.config.Admin)
	if err != nil || !address.Addr().IsLoopback() {
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "ADDRESS_INVALID", Field: "admin", Value: c.config.Admin,
			Allowed: "a loopback address with a port, such as 127.0.0.1:7070",
			Message: "the admin API is served on loopback only", Hint: "use an SSH tunnel from another machine", Cause: err,
		}
	}
	token, err := admin.Token(c.config.Dir)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	path, handler := admin.New(admin.Source{
		View: c.View, Propose: c.Propose, Cluster: c.clusterStatus, Transfer: c.transfer, Leaves: c.log.Leaves, Openings: c.openings.read,
		Checkpoint: c.checkpointText, Token: c.inviteToken, Catalogue: c.config.Catalogue, Now: c.config.Now,
	})
	mux.Handle(path, admin.Guard(token, handler))
	if c.config.Web {
		var raw [20]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return err
		}
		c.dashboard = strings.ToLower(base32.StdEncoding.EncodeToString(raw[:]))
		pages, err := web.New(web.Config{Source: c.WebView, Token: c.dashboard})
		if err != nil {
			return err
		}
		mux.Handle("/", pages)
	}
	c.adminListen, err = net.Listen("tcp", c.config.Admin)
	if errors.Is(err, syscall.EADDRINUSE) {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "PORT_IN_USE", Field: "admin", Value: c.config.Admin,
			Message: "another process listens on this address", Hint: "choose another port, or 0 for a free one", Cause: err,
		}
	}
	if err != nil {
		return err
	}
	c.admin = &http.Server{
		Handler: mux, ReadHeaderTimeout: wire.HTTPHeaderTime, ReadTimeout: wire.HTTPReadTime, MaxHeaderBytes: wire.HTTPHeader,
		BaseContext: func(net.Listener) context.Context { return c.ctx },
	}
	return nil
}

// AdminURL is where the operator's API is served, "" when it is not.
func (c *Coordinator) AdminURL() string {
	if c.adminListen == nil {
		return ""
	}
	return "http://" + c.adminListen.Addr().String()
}

// DashboardURL opens the dashboard once, in one browser; "" when it is not served.
func (c *Coordinator) DashboardURL() string {
	if c.dashboard == "" {
		return ""
	}
	return c.AdminURL() + "/?t=" + c.dashboard
}

// clusterStatus is what is known of the replicas, with their names.
func (c *Coordinator) clusterStatus() *possev1.StatusResponse {
	status := c.raft.Status()
	var reached map[string]bool
	if !c.Leading() { // the leader alone hears from all: the others try whom they reach
		reached = c.reached(status)
	}
	out := &possev1.StatusResponse{Term: status.Term, CommitIndex: status.CommitIndex, Tolerates: uint32(status.Tolerates)}
	c.machine.View(func(s *state.State) {
		for _, m := range status.Members {
			member := &possev1.Member{PeerId: m.ID, Voter: m.Voter, Healthy: m.Healthy, Lag: m.Lag}
			if reached != nil && m.ID != status.Leader {
				member.Healthy = reached[m.ID]
			}
			if r := s.ReplicaOf(m.ID); r != nil {
				member.Name, member.Address = r.Name, strings.Join(r.Addresses, " ")
			}
			if m.ID == status.Leader {
				out.Leader = member.Name
			}
			out.Members = append(out.Members, member)
		}
	})
	return out
}

// reachTime is how long a status waits for a member that says nothing.
const reachTime = time.Second / 2

// reached returns the members that answer now, this one among them. Followers keep
// no connection to each other, so one that has none dials: a refused dial ends at
// once, and reachTime bounds a silent one.
func (c *Coordinator) reached(status consensus.Status) map[string]bool {
	ctx, cancel := context.WithTimeout(c.ctx, reachTime)
	defer cancel()
	var mu sync.Mutex
	var dials sync.WaitGroup
	out := map[string]bool{c.ID(): true}
	for _, m := range status.Members {
		if m.ID == c.ID() || m.ID == status.Leader {
			continue
		}
		dials.Go(func() {
			ok := c.host.Connected(m.ID)
			if !ok {
				if s, err := c.host.Open(ctx, m.ID, wire.Forward); err == nil {
					_, ok = s.Reset(), true
				}
			}
			mu.Lock()
			out[m.ID] = ok
			mu.Unlock()
		})
	}
	dials.Wait()
	return out
}

// transfer hands leadership over; the answer names who leads then.
func (c *Coordinator) transfer(ctx context.Context) (string, error) {
	if err := c.raft.TransferLeadership(ctx); err != nil {
		return "", err
	}
	return c.clusterStatus().GetLeader(), nil
}

// checkpointText is a signed head over the whole log as it is now.
func (c *Coordinator) checkpointText(ctx context.Context) ([]byte, error) {
	_, text, err := c.Head(ctx)
	return text, err
}

// Head returns a signed head over the whole log as it is now, and its text with the
// signatures.
func (c *Coordinator) Head(ctx context.Context) (checkpoint.Head, []byte, error) {
	signed, err := c.cosigner.AtLeast(ctx, c.log.Size())
	if err != nil {
		return checkpoint.Head{}, nil, err
	}
	text, err := signed.Text()
	return signed.Head, text, err
}

// Leaves returns leaves [from, from+limit) of the transparency log.
func (c *Coordinator) Leaves(from uint64, limit int) ([][]byte, error) {
	return c.log.Leaves(from, limit, wire.ReportMax)
}

// inviteToken is the text of an invite: the secret, and where the replicas are.
func (c *Coordinator) inviteToken(secret [32]byte) string {
	t := Token{Secret: secret}
	c.machine.View(func(s *state.State) {
		t.Cluster = s.Cluster
		for _, r := range s.Replicas {
			addresses := r.Addresses
			if len(addresses) == 0 {
				addresses = c.book.Addresses(r.PeerID)
			}
			t.Replicas = append(t.Replicas, Peer{PeerID: r.PeerID, Addresses: addresses[:min(len(addresses), 4)]})
		}
	})
	return t.String()
}

// Invite makes an invite and returns its token: what the API does, for a program
// that holds the replica itself.
func (c *Coordinator) Invite(ctx context.Context, name, role string, weight uint64, expiresMS int64) (string, error) {
	s, err := secret()
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(s[:])
	r, err := c.Propose(ctx, &possev1.Command{Actor: "operator", Body: &possev1.Command_CreateInvite{CreateInvite: &possev1.CreateInvite{
		SecretHash: hash[:], Name: name, Role: role, Weight: weight, ExpiresMs: expiresMS,
	}}})
	if err == nil {
		err = r.Error()
	}
	if err != nil {
		return "", err
	}
	return c.inviteToken(s), nil
}
