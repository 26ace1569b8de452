package consensus

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/wire"
)

// Figures of raft's transport (distributed.md 3.1).
const (
	rpcTimeout = 10 * time.Second
	rpcPool    = 3
)

// layer is raft's StreamLayer over the streams of a host. A replica's address is
// its peer id; where that is comes from the host's book.
type layer struct {
	host   *peer.Host
	accept chan *conn
	closed chan struct{}

	mu      sync.Mutex
	shut    bool
	open    map[*conn]struct{}
	members map[string]bool // who may call; nil until a configuration is known
	joining map[string]bool // may call before they are members
}

// conn is a stream that the layer closes with itself. Its handler holds the
// stream's place in the host's count until done is closed.
type conn struct {
	*peer.Stream
	layer *layer
	peer  string
	once  sync.Once
	done  chan struct{}
}

func newLayer(h *peer.Host) *layer {
	l := &layer{
		host: h, accept: make(chan *conn), closed: make(chan struct{}),
		open: map[*conn]struct{}{}, joining: map[string]bool{},
	}
	h.Handle(wire.Raft, peer.Replica, l.incoming)
	return l
}

var errNotMember = errors.New("peer is no member of the cluster")

// incoming hands a stream of a member to Accept and keeps it until it is closed.
func (l *layer) incoming(ctx context.Context, from string, s *peer.Stream) error {
	c, err := l.track(from, s)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	select {
	case l.accept <- c:
	case <-l.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	return nil
}

// track adds a stream to those that Close closes. Raft's calls are not authorised
// by raft: this membership check is the authorisation.
func (l *layer) track(id string, s *peer.Stream) (*conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shut {
		return nil, net.ErrClosed
	}
	if l.members != nil && !l.members[id] && !l.joining[id] {
		return nil, errNotMember
	}
	c := &conn{Stream: s, layer: l, peer: id, done: make(chan struct{})}
	l.open[c] = struct{}{}
	return c, nil
}

// Close closes the stream once.
func (c *conn) Close() error {
	var err error
	c.once.Do(func() {
		close(c.done)
		c.layer.mu.Lock()
		delete(c.layer.open, c)
		c.layer.mu.Unlock()
		err = c.Reset() // raft closes a stream only when it has no more use for it
	})
	return err
}

// Accept waits for a stream of another replica.
func (l *layer) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Dial opens a stream to a replica.
func (l *layer) Dial(id raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	go func() { // a dial must not outlive the layer
		select {
		case <-l.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	s, err := l.host.Open(ctx, string(id), wire.Raft)
	if err != nil {
		return nil, err
	}
	c, err := l.track(string(id), s)
	if err != nil {
		_ = s.Reset()
		return nil, err
	}
	return c, nil
}

// Addr returns the own peer id.
func (l *layer) Addr() net.Addr { return peer.Address(l.host.ID()) }

// Close closes every accepted and every dialled stream, then Accept. An open
// stream would keep a goroutine of raft's alive.
func (l *layer) Close() error {
	l.mu.Lock()
	if l.shut {
		l.mu.Unlock()
		return nil
	}
	l.shut = true
	all := make([]*conn, 0, len(l.open))
	for c := range l.open {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
	close(l.closed)
	return nil
}

// setMembers says who may call, and drops the streams of everybody else. An empty
// configuration is that of a replica which waits to be added: it listens to every
// replica of the book, since it cannot know who leads.
func (l *layer) setMembers(c raft.Configuration) {
	var members map[string]bool
	if len(c.Servers) > 0 {
		members = make(map[string]bool, len(c.Servers))
		for _, s := range c.Servers {
			members[string(s.ID)] = true
		}
	}
	l.mu.Lock()
	l.members = members
	var gone []*conn
	for k := range l.open {
		if members != nil && !members[k.peer] && !l.joining[k.peer] {
			gone = append(gone, k)
		}
	}
	l.mu.Unlock()
	for _, k := range gone {
		_ = k.Close()
	}
}

// admit lets a replica call before it is a member.
func (l *layer) admit(id string, joining bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if joining {
		l.joining[id] = true
	} else {
		delete(l.joining, id)
	}
}

// transport is raft's network transport, which also notes what followers answer:
// raft itself tells nobody how far they are.
type transport struct {
	*raft.NetworkTransport
	followers *followers
}

func newTransport(l *layer, f *followers, logger hclog.Logger) *transport {
	return &transport{
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream: l, MaxPool: rpcPool, Timeout: rpcTimeout, Logger: logger,
		}),
		followers: f,
	}
}

// Close closes the layer and the pooled streams.
func (t *transport) Close() error {
	err := t.NetworkTransport.Close()
	t.CloseStreams()
	return err
}

// AppendEntries sends entries, or a heartbeat, and notes the answer.
func (t *transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	err := t.NetworkTransport.AppendEntries(id, to, q, a)
	if err == nil {
		t.followers.heard(string(id), a)
	}
	return err
}

// AppendEntriesPipeline opens a pipeline whose answers are noted.
func (t *transport) AppendEntriesPipeline(id raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	inner, err := t.NetworkTransport.AppendEntriesPipeline(id, to)
	if err != nil {
		return nil, err
	}
	p := &pipeline{AppendPipeline: inner, answers: make(chan raft.AppendFuture), closed: make(chan struct{})}
	go p.pass(string(id), t.followers)
	return p, nil
}

// pipeline passes the futures of a pipeline on.
type pipeline struct {
	raft.AppendPipeline
	answers chan raft.AppendFuture
	closed  chan struct{}
	once    sync.Once
}

func (p *pipeline) pass(id string, f *followers) {
	for {
		select {
		case a := <-p.AppendPipeline.Consumer():
			if a.Error() == nil {
				f.heard(id, a.Response())
			}
			select {
			case p.answers <- a:
			case <-p.closed:
				return
			}
		case <-p.closed:
			return
		}
	}
}

// Consumer returns the channel of answers.
func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.answers }

// Close closes the pipeline.
func (p *pipeline) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.AppendPipeline.Close()
}
