package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	connrate "github.com/libp2p/go-libp2p/x/rate"
	manet "github.com/multiformats/go-multiaddr/net"
	quicgo "github.com/quic-go/quic-go"
	"golang.org/x/time/rate"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/wire"
)

// Config says how a host is made.
type Config struct {
	// Identity is required.
	Identity Identity
	// Listen holds the multiaddrs to listen on; port 0 asks for a free one. Empty:
	// the host only dials, as a node does.
	Listen []string
	// Book is required. Several hosts may share one.
	Book *Book
	// Private allows dialling loopback and private addresses. Otherwise a book
	// entry could make this host knock at doors inside its own network.
	Private bool
	// Requests is how many requests a second a node may make; the burst is twice
	// that. 0 means wire.Requests.
	Requests float64
	// ListenUDP replaces the system's UDP sockets, for simulated links; nil means
	// the system's.
	ListenUDP func(network string, address *net.UDPAddr) (net.PacketConn, error)
	// Now is the clock of deadlines; nil means the wall clock.
	Now func() time.Time
}

// Host is a process's place in the network. It is safe for concurrent use.
type Host struct {
	identity Identity
	book     *Book
	inner    host.Host
	gater    *gater
	strikes  *strikes
	sockets  *quicreuse.ConnManager // nil when the library keeps its own
	requests rate.Limit
	now      func() time.Time

	ctx      context.Context
	cancel   context.CancelFunc
	handlers sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	streams  map[peer.ID]int
	total    int
	conns    map[string]connection // by connection id
	limiters map[peer.ID]*rate.Limiter
	denied   map[string]*atomic.Uint64 // by protocol
}

// connection is what lives as long as a connection of the transport.
type connection struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// NewHost makes a host and listens on every address, or on none: an address in use
// is PORT_IN_USE. Close it.
func NewHost(c Config) (*Host, error) {
	if c.Identity.key == nil || c.Book == nil {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_REQUIRED", Field: "identity, book",
			Message: "a host needs an identity and a book",
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Requests == 0 {
		c.Requests = wire.Requests
	}
	resources, err := resourceManager()
	if err != nil {
		return nil, fmt.Errorf("resource manager: %w", err)
	}
	h := &Host{
		identity: c.Identity, book: c.Book, strikes: newStrikes(c.Now), requests: rate.Limit(c.Requests), now: c.Now,
		streams: map[peer.ID]int{}, conns: map[string]connection{}, limiters: map[peer.ID]*rate.Limiter{},
		denied: map[string]*atomic.Uint64{},
	}
	for _, p := range wire.Protocols() {
		h.denied[p] = new(atomic.Uint64)
	}
	h.gater = newGater(c.Book, c.Private, h.strikes)
	h.ctx, h.cancel = context.WithCancel(context.Background())
	options := []libp2p.Option{}
	if c.ListenUDP != nil {
		options = append(options, h.links(c.ListenUDP, resources))
	}
	h.inner, err = libp2p.New(append(options,
		libp2p.Identity(c.Identity.key),
		libp2p.NoListenAddrs, // listened on below, where an error is seen
		libp2p.Transport(quic.NewTransport),
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()), // or a port in use is shared in silence
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ConnectionGater(h.gater),
		libp2p.ConnectionManager(connmgr.NullConnMgr{}), // the limits are ours: nobody is trimmed at random
		libp2p.ResourceManager(resources),
		libp2p.DisableRelay(),
		libp2p.ForceReachabilityPrivate(), // nobody is asked to dial back
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.Ping(false),
		libp2p.DisableMetrics(),
		libp2p.UserAgent("posse"),
	)...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start host: %w", err), resources.Close())
	}
	h.inner.Network().Notify(&network.NotifyBundle{ConnectedF: h.connected, DisconnectedF: h.disconnected})
	c.Book.watch(h, func(id peer.ID) { _ = h.inner.Network().ClosePeer(id) })
	for _, text := range c.Listen {
		if err := h.listen(text); err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	return h, nil
}

// links makes QUIC use the given sockets. The library closes only what it made
// itself, so the manager is kept for Close.
func (h *Host) links(listen func(string, *net.UDPAddr) (net.PacketConn, error), resources network.ResourceManager) libp2p.Option {
	return libp2p.QUICReuse(func(reset quicgo.StatelessResetKey, token quicgo.TokenGeneratorKey) (*quicreuse.ConnManager, error) {
		m, err := quicreuse.NewConnManager(reset, token,
			quicreuse.OverrideListenUDP(listen), quicreuse.VerifySourceAddress(resources.VerifySourceAddress))
		h.sockets = m
		return m, err
	})
}

func (h *Host) listen(text string) error {
	address, err := parseAddress(text)
	if err != nil {
		return err
	}
	err = h.inner.Network().Listen(address)
	if err == nil {
		return nil
	}
	// The swarm joins the errors of its transports by their text.
	if strings.Contains(err.Error(), syscall.EADDRINUSE.Error()) {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "PORT_IN_USE", Field: "listen", Value: text,
			Message: "another process listens on this address",
			Hint:    "choose another port, or 0 for a free one", Cause: err,
		}
	}
	return fmt.Errorf("listen on %s: %w", text, err)
}

// resourceManager bounds connections, streams and memory (distributed.md 5.4).
func resourceManager() (network.ResourceManager, error) {
	defaults := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&defaults)
	scaled := defaults.AutoScale()
	quarter := scaled.ToPartialLimitConfig().System.Memory * 2 // the default is an eighth of the machine's
	limits := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Memory: quarter, Conns: wire.ConnectionsTotal, ConnsInbound: wire.ConnectionsTotal,
			ConnsOutbound: wire.ConnectionsTotal, Streams: 2 * wire.StreamsTotal,
			StreamsInbound: wire.StreamsTotal, StreamsOutbound: wire.StreamsTotal,
		},
		// A peer's streams of our protocols are counted by role; this bounds what
		// comes before a protocol is agreed.
		PeerDefault: rcmgr.ResourceLimits{
			Memory: wire.MemoryPeer, Streams: 2 * wire.StreamsReplica, StreamsInbound: wire.StreamsReplica,
			StreamsOutbound: wire.StreamsReplica, Conns: 2 * wire.ConnectionsReplica,
			ConnsInbound: wire.ConnectionsReplica, ConnsOutbound: wire.ConnectionsReplica,
		},
		Conn: rcmgr.ResourceLimits{Memory: wire.MemoryConnection},
	}
	for _, p := range wire.Protocols() {
		if limits.ProtocolPeer == nil {
			limits.ProtocolPeer = map[protocol.ID]rcmgr.ResourceLimits{}
			limits.Protocol = map[protocol.ID]rcmgr.ResourceLimits{}
		}
		limits.ProtocolPeer[protocol.ID(p)] = rcmgr.ResourceLimits{
			Memory: wire.MemoryPeer, Streams: 2 * wire.StreamsReplica,
			StreamsInbound: wire.StreamsReplica, StreamsOutbound: wire.StreamsReplica,
		}
		limits.Protocol[protocol.ID(p)] = rcmgr.ResourceLimits{
			Memory: quarter, Streams: 2 * wire.StreamsTotal,
			StreamsInbound: wire.StreamsTotal, StreamsOutbound: wire.StreamsTotal,
		}
	}
	limit := connrate.Limit{RPS: wire.AcceptsPrefix, Burst: wire.AcceptsPrefixBurst}
	accepts := &connrate.Limiter{
		NetworkPrefixLimits: []connrate.PrefixLimit{ // local processes are not told apart by address
			{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")},
		},
		SubnetRateLimiter: connrate.SubnetLimiter{
			IPv4SubnetLimits: []connrate.SubnetLimit{{PrefixLength: 24, Limit: limit}},
			IPv6SubnetLimits: []connrate.SubnetLimit{{PrefixLength: 48, Limit: limit}},
			GracePeriod:      time.Minute,
		},
	}
	return rcmgr.NewResourceManager(
		rcmgr.NewFixedLimiter(limits.Build(scaled)),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithConnRateLimiters(accepts),
		// Many organisations may share one address; the total and the rate bound them.
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: wire.ConnectionsTotal}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: wire.ConnectionsTotal}},
		),
	)
}

// ID returns the own peer id.
func (h *Host) ID() string { return h.identity.ID() }

// Identity returns the own identity, for signing.
func (h *Host) Identity() Identity { return h.identity }

// Book returns the book that the host obeys.
func (h *Host) Book() *Book { return h.book }

// Addresses returns the multiaddrs the host listens on, with the ports it got and
// without /p2p.
func (h *Host) Addresses() []string {
	var texts []string
	for _, a := range h.inner.Network().ListenAddresses() {
		texts = append(texts, a.String())
	}
	return texts
}

// Denied returns how many streams of a protocol were refused for the peer's role.
func (h *Host) Denied(protocol string) uint64 {
	if n := h.denied[protocol]; n != nil {
		return n.Load()
	}
	return 0
}

// Connected reports whether there is a live connection to the peer.
func (h *Host) Connected(id string) bool {
	decoded, err := peer.Decode(id)
	return err == nil && h.inner.Network().Connectedness(decoded) == network.Connected
}

// Close closes every listener, connection and stream and waits for the handlers.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.book.unwatch(h)
	h.cancel()
	h.gater.close()
	err := h.inner.Close()
	if h.sockets != nil {
		err = errors.Join(err, h.sockets.Close())
	}
	h.handlers.Wait()
	return err
}

// Open opens a stream to a peer of the book, dialling it when there is no
// connection. The error is PEER_UNREACHABLE.
func (h *Host) Open(ctx context.Context, to, proto string) (*Stream, error) {
	id, err := decodeID(to)
	if err != nil {
		return nil, err
	}
	s, err := h.open(ctx, id, proto)
	if err != nil && ctx.Err() == nil && h.inner.Network().Connectedness(id) != network.Connected {
		// The connection was closed by the other side, or died, unnoticed until now.
		s, err = h.open(ctx, id, proto)
	}
	if err != nil {
		return nil, &posse.Error{
			Code: posse.Unavailable, Reason: "PEER_UNREACHABLE", Field: to,
			Message: "peer cannot be reached", Hint: "check that it runs and that its address is right", Cause: err,
		}
	}
	return &Stream{inner: s}, nil
}

func (h *Host) open(ctx context.Context, id peer.ID, proto string) (network.Stream, error) {
	if h.inner.Network().Connectedness(id) != network.Connected {
		addresses := h.book.addresses(id)
		h.inner.Peerstore().ClearAddrs(id) // an old address may have become another's
		h.inner.Peerstore().AddAddrs(id, addresses, peerstore.TempAddrTTL)
		// Callers back off by themselves (Raft, the node's retries). The swarm's own
		// back-off of 5 s and more would keep a restarted replica out for that long.
		if s, ok := h.inner.Network().(interface{ Backoff() *swarm.DialBackoff }); ok {
			s.Backoff().Clear(id)
		}
	}
	return h.inner.NewStream(ctx, id, protocol.ID(proto))
}

// connected starts what lives as long as the connection. A peer over its number
// of connections loses its oldest: after a crash that is the dead one.
func (h *Host) connected(n network.Network, c network.Conn) {
	h.mu.Lock()
	ctx, cancel := context.WithCancel(h.ctx)
	h.conns[c.ID()] = connection{ctx: ctx, cancel: cancel}
	h.mu.Unlock()
	if c.IsClosed() {
		h.disconnected(n, c)
		return
	}
	allowed := wire.ConnectionsReplica
	if h.book.role(c.RemotePeer()) == Node {
		allowed = wire.ConnectionsNode
	}
	all := n.ConnsToPeer(c.RemotePeer())
	if len(all) <= allowed {
		return
	}
	oldest := all[0]
	for _, other := range all {
		if other.Stat().Opened.Before(oldest.Stat().Opened) {
			oldest = other
		}
	}
	go func() { _ = oldest.Close() }() // closing notifies, which must not happen within a notification
}

func (h *Host) disconnected(_ network.Network, c network.Conn) {
	h.gater.gone(c)
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, ok := h.conns[c.ID()]; ok {
		known.cancel()
		delete(h.conns, c.ID())
	}
}

// prefixOf returns the /24 or /48 prefix of a connection's remote address, the
// unit in which refused joins are counted.
func prefixOf(c network.Conn) string {
	ip, err := manet.ToIP(c.RemoteMultiaddr())
	if err != nil {
		return "unknown"
	}
	address, _ := netip.AddrFromSlice(ip)
	address = address.Unmap()
	bits := 48
	if address.Is4() {
		bits = 24
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}
