package peer

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/posse-dev/posse/protocols/wire"
)

// gater lets in whom the book knows, and a few strangers while joins are open. It
// dials nobody but the book's peers at the book's addresses.
type gater struct {
	book    *Book
	private bool // loopback and private addresses may be dialled
	strikes *strikes

	mu        sync.Mutex
	closed    bool
	strangers map[string]*time.Timer // by connection id
}

func newGater(book *Book, private bool, s *strikes) *gater {
	return &gater{book: book, private: private, strikes: s, strangers: map[string]*time.Timer{}}
}

// InterceptPeerDial allows the peers of the book.
func (g *gater) InterceptPeerDial(id peer.ID) bool {
	return len(g.book.addresses(id)) > 0
}

// InterceptAddrDial allows the addresses of the book, after names were resolved.
// What a peer says of its own addresses is not believed.
func (g *gater) InterceptAddrDial(id peer.ID, address ma.Multiaddr) bool {
	if !g.private && !manet.IsPublicAddr(address) {
		return false
	}
	return slices.ContainsFunc(g.book.addresses(id), func(known ma.Multiaddr) bool {
		if known.Equal(address) {
			return true
		}
		name, port := ma.SplitFirst(known)
		_, dialled := ma.SplitFirst(address)
		switch name.Protocol().Code {
		case ma.P_DNS, ma.P_DNS4, ma.P_DNS6:
			return port.Equal(dialled)
		default:
			return false
		}
	})
}

// InterceptAccept allows everybody: the resource manager has counted the address
// prefix before this call.
func (g *gater) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured is the first point where the id is proven.
func (g *gater) InterceptSecured(direction network.Direction, id peer.ID, _ network.ConnMultiaddrs) bool {
	if direction == network.DirOutbound {
		return true // the dial was checked, and the transport refuses another id than the one dialled
	}
	return g.book.role(id) != 0 && !g.strikes.banned(id)
}

// InterceptUpgraded counts the strangers and starts their clock.
func (g *gater) InterceptUpgraded(c network.Conn) (bool, control.DisconnectReason) {
	if g.book.role(c.RemotePeer()) != Stranger || c.Stat().Direction == network.DirOutbound {
		return true, 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || len(g.strangers) >= wire.ConnectionsStranger {
		return false, 0
	}
	g.strangers[c.ID()] = time.AfterFunc(wire.StrangerTime, func() {
		if g.book.role(c.RemotePeer())&(Replica|Node) == 0 {
			_ = c.Close()
		}
	})
	return true, 0
}

// gone forgets a connection.
func (g *gater) gone(c network.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if timer, ok := g.strangers[c.ID()]; ok {
		timer.Stop()
		delete(g.strangers, c.ID())
	}
}

// close stops every clock and lets no further stranger in.
func (g *gater) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for id, timer := range g.strangers {
		timer.Stop()
		delete(g.strangers, id)
	}
}
