package peer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/posse-dev/posse/protocols/peer"
)

// host starts a host that the test closes.
func host(t *testing.T, book *peer.Book, listen ...string) *peer.Host {
	t.Helper()
	h, err := peer.NewHost(peer.Config{Identity: identity(t), Listen: listen, Book: book, Private: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	return h
}

// pair starts a server that listens and a client that does not, in each other's
// books.
func pair(t *testing.T, listen string, role peer.Role) (server, client *peer.Host) {
	t.Helper()
	server, client = host(t, peer.NewBook(), listen), host(t, peer.NewBook())
	require.NoError(t, server.Book().Set(peer.Entry{ID: client.ID(), Role: role}))
	require.NoError(t, client.Book().Set(peer.Entry{ID: server.ID(), Role: peer.Replica, Addresses: server.Addresses()}))
	return server, client
}

func echo(h *peer.Host, protocol string, roles peer.Role) {
	peer.Serve(h, protocol, roles, peer.Limits{},
		func(_ context.Context, from string, q *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
			return wrapperspb.String(from + " said " + q.GetValue()), nil
		})
}

func ask(from, to *peer.Host, protocol, text string) (string, error) {
	var answer wrapperspb.StringValue
	err := from.Request(context.Background(), to.ID(), protocol, wrapperspb.String(text), &answer, peer.Limits{})
	return answer.GetValue(), err
}

// example runs f with a replica and a node that know each other.
func example(f func(replica, node *peer.Host) error) (err error) {
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var hosts [2]*peer.Host
	for i, listen := range [][]string{{"/ip4/127.0.0.1/udp/0/quic-v1"}, nil} {
		id, err := peer.LoadOrCreate(filepath.Join(dir, string(rune('a'+i))))
		if err != nil {
			return err
		}
		hosts[i], err = peer.NewHost(peer.Config{Identity: id, Listen: listen, Book: peer.NewBook(), Private: true})
		if err != nil {
			return err
		}
		defer func(h *peer.Host) { err = errors.Join(err, h.Close()) }(hosts[i])
	}
	replica, node := hosts[0], hosts[1]
	err = errors.Join(
		replica.Book().Set(peer.Entry{ID: node.ID(), Role: peer.Node}),
		node.Book().Set(peer.Entry{ID: replica.ID(), Role: peer.Replica, Addresses: replica.Addresses()}))
	if err != nil {
		return err
	}
	return f(replica, node)
}
