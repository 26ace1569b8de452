package peer

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/posse-dev/posse"
)

// Role is what a peer is to this process. Roles combine with |, to say who may
// open a protocol.
type Role uint8

// The roles. A peer that is not in the book has none, or Stranger while joins are
// open.
const (
	Replica Role = 1 << iota
	Node
	Stranger
)

// String returns the role's name, or the names of a combination.
func (r Role) String() string {
	var names []string
	for i, name := range []string{"replica", "node", "stranger"} {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, "|")
}

// Entry is one peer of a book.
type Entry struct {
	ID        string   // peer id
	Role      Role     // Replica or Node
	Addresses []string // multiaddrs without /p2p; empty for a peer that is never dialled
}

// Book says who may connect and where to find whom. It is safe for concurrent
// use; the zero value is not valid, use [NewBook].
type Book struct {
	mu       sync.RWMutex
	entries  map[peer.ID]contact
	joins    bool
	watchers map[*Host]func(peer.ID)
}

type contact struct {
	role      Role
	addresses []ma.Multiaddr
}

// NewBook returns a book with nobody in it and joins closed.
func NewBook() *Book {
	return &Book{entries: map[peer.ID]contact{}, watchers: map[*Host]func(peer.ID){}}
}

// Set enters a peer, or changes what is known of it. A changed role closes the
// peer's connections, so that nothing opened under the old one goes on.
func (b *Book) Set(e Entry) error {
	id, c, err := e.parse()
	if err != nil {
		return err
	}
	b.change(map[peer.ID]contact{id: c}, false)
	return nil
}

// Replace makes the book hold exactly these peers, in one step; whoever is no longer
// in it loses its connections. It changes nothing when an entry is invalid.
func (b *Book) Replace(entries []Entry) error {
	all := make(map[peer.ID]contact, len(entries))
	for _, e := range entries {
		id, c, err := e.parse()
		if err != nil {
			return err
		}
		all[id] = c
	}
	b.change(all, true)
	return nil
}

// change enters contacts, and with all set removes everybody else. The watchers
// are called without the lock.
func (b *Book) change(contacts map[peer.ID]contact, all bool) {
	b.mu.Lock()
	var changed []peer.ID
	for id, c := range contacts {
		if old, known := b.entries[id]; known && old.role != c.role {
			changed = append(changed, id)
		}
		b.entries[id] = c
	}
	if all {
		for id := range b.entries {
			if _, kept := contacts[id]; !kept {
				delete(b.entries, id)
				changed = append(changed, id)
			}
		}
	}
	watchers := b.watching()
	b.mu.Unlock()
	for _, id := range changed {
		for _, f := range watchers {
			f(id)
		}
	}
}

// Joins opens or closes the door to peers that are not in the book. They may use
// [wire.Join] only, few at a time and briefly.
func (b *Book) Joins(open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.joins = open
}

// role returns the peer's role, 0 for nobody.
func (b *Book) role(id peer.ID) Role {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if c, known := b.entries[id]; known {
		return c.role
	}
	if b.joins {
		return Stranger
	}
	return 0
}

// Addresses returns where the peer listens, in the order they were entered.
func (b *Book) Addresses(id string) []string {
	decoded, err := peer.Decode(id)
	if err != nil {
		return nil
	}
	var texts []string
	for _, a := range b.addresses(decoded) {
		texts = append(texts, a.String())
	}
	return texts
}

func (b *Book) addresses(id peer.ID) []ma.Multiaddr {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.entries[id].addresses
}

func (b *Book) watch(h *Host, changed func(peer.ID)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers[h] = changed
}

func (b *Book) unwatch(h *Host) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.watchers, h)
}

func (b *Book) watching() []func(peer.ID) {
	watchers := make([]func(peer.ID), 0, len(b.watchers))
	for _, f := range b.watchers {
		watchers = append(watchers, f)
	}
	return watchers
}

func (e Entry) parse() (peer.ID, contact, error) {
	id, err := decodeID(e.ID)
	if err != nil {
		return "", contact{}, err
	}
	if e.Role != Replica && e.Role != Node {
		return "", contact{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_INVALID", Field: "role", Value: e.Role.String(),
			Allowed: "replica or node", Message: "an enrolled peer has one role",
		}
	}
	c := contact{role: e.Role}
	for _, text := range e.Addresses {
		a, err := parseAddress(text)
		if err != nil {
			return "", contact{}, err
		}
		c.addresses = append(c.addresses, a)
	}
	return id, c, nil
}

// parseAddress reads a multiaddr of a transport that we speak: an IP or a DNS name
// and /udp/PORT/quic-v1 or /tcp/PORT. A trailing /p2p/ID is dropped.
func parseAddress(text string) (ma.Multiaddr, error) {
	a, err := ma.NewMultiaddr(text)
	if err == nil {
		a, _ = peer.SplitAddr(a)
		var protocols []string
		for _, p := range a.Protocols() {
			protocols = append(protocols, p.Name)
		}
		if len(protocols) > 0 && slices.Contains([]string{"ip4", "ip6", "dns", "dns4", "dns6"}, protocols[0]) {
			switch strings.Join(protocols[1:], "/") {
			case "udp/quic-v1", "tcp":
				return a, nil
			}
		}
		err = fmt.Errorf("protocols are %s", strings.Join(protocols, "/"))
	}
	return nil, &posse.Error{
		Code: posse.InvalidArgument, Reason: "ADDRESS_INVALID", Field: "address", Value: fmt.Sprintf("%.120q", text),
		Allowed: "/ip4|ip6|dns/HOST/udp/PORT/quic-v1 or /ip4|ip6|dns/HOST/tcp/PORT",
		Message: "address is invalid", Cause: err,
	}
}
