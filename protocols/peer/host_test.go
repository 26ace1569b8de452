package peer_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/wire"
)

const (
	overQUIC = "/ip4/127.0.0.1/udp/0/quic-v1"
	overTCP  = "/ip4/127.0.0.1/tcp/0"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestRequestsAreAnsweredOverEachTransport(t *testing.T) {
	for name, listen := range map[string]string{"QUIC": overQUIC, "TCP with Noise": overTCP} {
		t.Run(name, func(t *testing.T) {
			server, client := pair(t, listen, peer.Node)
			echo(server, wire.Round, peer.Node)
			got, err := ask(client, server, wire.Round, "hello")
			require.NoError(t, err)
			assert.Equal(t, client.ID()+" said hello", got)
		})
	}
}

func TestAnswerTellsWhatWasWrong(t *testing.T) {
	server, client := pair(t, overQUIC, peer.Node)
	peer.Serve(server, wire.Round, peer.Node, peer.Limits{},
		func(_ context.Context, _ string, q *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
			if q.GetValue() == "secret" {
				return nil, io.ErrNoProgress
			}
			return nil, posse.OutOfRange("bid", "-1", "[0, 10]", "")
		})
	_, err := ask(client, server, wire.Round, "x")
	assert.Equal(t, posse.OutOfRange("bid", "-1", "[0, 10]", ""), err)
	_, err = ask(client, server, wire.Round, "secret")
	assert.Equal(t, posse.Internal, posse.As(err).Code)
	assert.NotContains(t, err.Error(), io.ErrNoProgress.Error())
}

func TestImpostorAtTheRightAddressIsRefused(t *testing.T) {
	for name, listen := range map[string]string{"QUIC": overQUIC, "TCP with Noise": overTCP} {
		t.Run(name, func(t *testing.T) {
			impostor, client := pair(t, listen, peer.Node)
			var reached atomic.Bool
			impostor.Handle(wire.Round, peer.Node, func(context.Context, string, *peer.Stream) error {
				reached.Store(true)
				return nil
			})
			wanted := identity(t)
			require.NoError(t, client.Book().Set(peer.Entry{ID: wanted.ID(), Role: peer.Replica, Addresses: impostor.Addresses()}))
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := client.Open(ctx, wanted.ID(), wire.Round)
			require.Error(t, err)
			assert.Equal(t, "PEER_UNREACHABLE", posse.As(err).Reason)
			assert.False(t, reached.Load())
		})
	}
}

func TestStrangerMayOnlyJoinAndOnlyWhileJoinsAreOpen(t *testing.T) {
	server, client := pair(t, overQUIC, peer.Node)
	for _, p := range wire.Protocols() {
		echo(server, p, peer.Replica|peer.Node|peer.Stranger&rolesOf(p))
	}
	require.NoError(t, server.Book().Replace(nil))

	_, err := ask(client, server, wire.Join, "let me in")
	require.Error(t, err, "joins are closed")

	server.Book().Joins(true)
	require.Eventually(t, func() bool { // the refused connection may still be seen as open
		got, err := ask(client, server, wire.Join, "let me in")
		return err == nil && strings.Contains(got, "let me in")
	}, 5*time.Second, 20*time.Millisecond)
	for _, p := range wire.Protocols() {
		if p == wire.Join {
			continue
		}
		_, err := ask(client, server, p, "x")
		assert.Error(t, err, p)
		assert.Positive(t, server.Denied(p), p)
	}
}

// rolesOf says who may open a protocol in these tests, besides the enrolled.
func rolesOf(p string) peer.Role {
	if p == wire.Join {
		return peer.Stranger
	}
	return 0
}

func TestRevokedPeerLosesItsStreamsAndCannotComeBack(t *testing.T) {
	server, client := pair(t, overQUIC, peer.Node)
	ended := make(chan struct{})
	server.Handle(wire.Round, peer.Node, func(ctx context.Context, _ string, s *peer.Stream) error {
		_, _ = s.Write([]byte{1})
		<-ctx.Done()
		close(ended)
		return nil
	})
	s, err := client.Open(t.Context(), server.ID(), wire.Round)
	require.NoError(t, err)
	_, err = s.Write([]byte{1}) // a stream is opened by its first byte
	require.NoError(t, err)
	_, err = io.ReadFull(s, make([]byte, 1))
	require.NoError(t, err)

	require.NoError(t, server.Book().Replace(nil))
	select {
	case <-ended:
	case <-time.After(time.Second):
		t.Fatal("handler still runs a second after the revocation")
	}
	_, err = io.ReadFull(s, make([]byte, 1))
	assert.Error(t, err)
	_, err = ask(client, server, wire.Round, "again")
	assert.Error(t, err)
}

func TestSlowSenderIsCut(t *testing.T) {
	server, client := pair(t, overQUIC, peer.Node)
	echo(server, wire.Round, peer.Node)
	s, err := client.Open(t.Context(), server.ID(), wire.Round)
	require.NoError(t, err)
	begun := time.Now()
	const promised = 200
	_, err = s.Write(binary.AppendUvarint(nil, promised))
	require.NoError(t, err)
	// A byte each 100 ms keeps any deadline for single reads away; the message would
	// take 20 s and is allowed 1.01 s.
	for range promised {
		if _, err = s.Write([]byte{0}); err != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	require.Error(t, err)
	assert.Less(t, time.Since(begun), 10*time.Second)
}

func TestMessageAboveTheLimitIsRefusedByName(t *testing.T) {
	server, client := pair(t, overQUIC, peer.Node)
	echo(server, wire.Round, peer.Node)
	var answer wrapperspb.StringValue
	long := wrapperspb.String(strings.Repeat("a", wire.Control))
	err := client.Request(t.Context(), server.ID(), wire.Round, long, &answer, peer.Limits{Request: wire.ControlMax})
	require.Error(t, err)
	assert.Equal(t, "LIMIT_EXCEEDED", posse.As(err).Reason, "%v", posse.As(err).Cause)
	assert.Equal(t, "frame.control", posse.As(err).Field)
}

func TestLongPollEndsWithItsCaller(t *testing.T) {
	server, client := pair(t, overQUIC, peer.Node)
	peer.Serve(server, wire.Round, peer.Node, peer.Limits{},
		func(ctx context.Context, _ string, _ *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := client.Request(ctx, server.ID(), wire.Round, wrapperspb.String(""), new(wrapperspb.StringValue), peer.Limits{})
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestPeerMayHaveSoManyStreamsAndNoMore(t *testing.T) {
	server, client := pair(t, overQUIC, peer.Node)
	hold := make(chan struct{})
	server.Handle(wire.Round, peer.Node, func(_ context.Context, _ string, s *peer.Stream) error {
		_, _ = s.Write([]byte{1})
		<-hold
		return nil
	})
	defer close(hold)
	open := func() error {
		s, err := client.Open(t.Context(), server.ID(), wire.Round)
		require.NoError(t, err)
		_, _ = s.Write([]byte{1})
		_, err = io.ReadFull(s, make([]byte, 1))
		return err
	}
	for i := range wire.StreamsNode {
		require.NoError(t, open(), "stream %d", i)
	}
	assert.Error(t, open())
}

func TestMalformedMessagesGetAPeerBanned(t *testing.T) {
	server, client := pair(t, overQUIC, peer.Node)
	echo(server, wire.Round, peer.Node)
	for range 3 {
		s, err := client.Open(t.Context(), server.ID(), wire.Round)
		require.NoError(t, err)
		_, err = s.Write([]byte{3, 0xff, 0xff, 0xff})
		require.NoError(t, err)
		require.NoError(t, s.CloseWrite())
		_, _ = io.ReadAll(s)
	}
	_, err := ask(client, server, wire.Round, "sorry")
	assert.Error(t, err)
}

func TestRequestsOfANodeAreRateLimited(t *testing.T) {
	server, client := pair(t, overQUIC, peer.Node)
	echo(server, wire.Round, peer.Node)
	var refused error
	for range 2*wire.RequestsBurst + wire.Requests {
		if _, err := ask(client, server, wire.Round, "x"); err != nil {
			refused = err
			break
		}
	}
	require.Error(t, refused)
	assert.Equal(t, "requests.node", posse.As(refused).Field)
}

func TestPortInUseIsSaidSo(t *testing.T) {
	for name, listen := range map[string]string{"QUIC": overQUIC, "TCP": overTCP} {
		t.Run(name, func(t *testing.T) {
			first := host(t, peer.NewBook(), listen)
			_, err := peer.NewHost(peer.Config{Identity: identity(t), Book: peer.NewBook(), Listen: first.Addresses()})
			require.Error(t, err)
			assert.Equal(t, "PORT_IN_USE", posse.As(err).Reason, err)
		})
	}
}

func TestRestartedPeerIsReachedAtOnce(t *testing.T) {
	// The transport's own back-off after two failed dials would be 5 s and more.
	for name, listen := range map[string]string{"QUIC": overQUIC, "TCP": overTCP} {
		t.Run(name, func(t *testing.T) {
			id, client := identity(t), host(t, peer.NewBook())
			book := peer.NewBook()
			require.NoError(t, book.Set(peer.Entry{ID: client.ID(), Role: peer.Node}))
			begin := func(listen string) *peer.Host {
				h, err := peer.NewHost(peer.Config{Identity: id, Listen: []string{listen}, Book: book, Private: true})
				require.NoError(t, err)
				echo(h, wire.Round, peer.Node)
				return h
			}
			server := begin(listen)
			require.NoError(t, client.Book().Set(peer.Entry{ID: id.ID(), Role: peer.Replica, Addresses: server.Addresses()}))
			_, err := ask(client, server, wire.Round, "x")
			require.NoError(t, err)
			address := server.Addresses()[0]
			require.NoError(t, server.Close())
			for range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				err = client.Request(ctx, id.ID(), wire.Round, wrapperspb.String(""), new(wrapperspb.StringValue), peer.Limits{})
				cancel()
				require.Error(t, err)
			}
			server = begin(address)
			defer func() { require.NoError(t, server.Close()) }()
			begun := time.Now()
			_, err = ask(client, server, wire.Round, "x")
			require.NoError(t, err)
			assert.Less(t, time.Since(begun), 4*time.Second)
		})
	}
}

func TestOnlyAddressesOfTheBookAreDialled(t *testing.T) {
	server := host(t, peer.NewBook(), overQUIC)
	echo(server, wire.Round, peer.Node)
	book := peer.NewBook()
	careful, err := peer.NewHost(peer.Config{Identity: identity(t), Book: book}) // private addresses not allowed
	require.NoError(t, err)
	defer func() { require.NoError(t, careful.Close()) }()
	require.NoError(t, server.Book().Set(peer.Entry{ID: careful.ID(), Role: peer.Node}))

	_, err = careful.Open(t.Context(), server.ID(), wire.Round)
	assert.Error(t, err, "not in the book")
	require.NoError(t, book.Set(peer.Entry{ID: server.ID(), Role: peer.Replica, Addresses: server.Addresses()}))
	_, err = careful.Open(t.Context(), server.ID(), wire.Round)
	assert.Error(t, err, "a loopback address, not allowed by the configuration")
}

func TestBookRefusesWhatItCannotDial(t *testing.T) {
	book, id := peer.NewBook(), identity(t).ID()
	for name, e := range map[string]peer.Entry{
		"no id":               {ID: "nobody", Role: peer.Node},
		"no role":             {ID: id},
		"two roles":           {ID: id, Role: peer.Node | peer.Replica},
		"stranger":            {ID: id, Role: peer.Stranger},
		"plain text":          {ID: id, Role: peer.Node, Addresses: []string{"/ip4/127.0.0.1/tcp/80/http"}},
		"websocket":           {ID: id, Role: peer.Node, Addresses: []string{"/ip4/127.0.0.1/tcp/80/ws"}},
		"UDP without QUIC":    {ID: id, Role: peer.Node, Addresses: []string{"/ip4/127.0.0.1/udp/80"}},
		"a relay":             {ID: id, Role: peer.Node, Addresses: []string{"/ip4/1.2.3.4/tcp/80/p2p/" + id + "/p2p-circuit"}},
		"no address":          {ID: id, Role: peer.Node, Addresses: []string{""}},
		"a name and no proto": {ID: id, Role: peer.Node, Addresses: []string{"/dns/example.org"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := book.Set(e)
			require.Error(t, err)
			assert.Equal(t, posse.InvalidArgument, posse.As(err).Code)
		})
	}
	assert.Zero(t, book.Len())
	require.NoError(t, book.Set(peer.Entry{ID: id, Role: peer.Node, Addresses: []string{"/dns/example.org/tcp/80/p2p/" + id}}))
	assert.Equal(t, []string{"/dns/example.org/tcp/80"}, book.Addresses(id))
}

func TestHostUsesTheSocketsItIsGiven(t *testing.T) {
	var asked atomic.Int32
	h, err := peer.NewHost(peer.Config{
		Identity: identity(t), Book: peer.NewBook(), Listen: []string{overQUIC}, Private: true,
		ListenUDP: func(network string, address *net.UDPAddr) (net.PacketConn, error) {
			asked.Add(1)
			return net.ListenUDP(network, address)
		},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, h.Close()) }()
	assert.Positive(t, asked.Load())
	client := host(t, peer.NewBook())
	require.NoError(t, h.Book().Set(peer.Entry{ID: client.ID(), Role: peer.Node}))
	require.NoError(t, client.Book().Set(peer.Entry{ID: h.ID(), Role: peer.Replica, Addresses: h.Addresses()}))
	echo(h, wire.Round, peer.Node)
	_, err = ask(client, h, wire.Round, "x")
	assert.NoError(t, err)
}

func ExampleServe() {
	// Two processes of one cluster, here in one: each has a directory with its key.
	// book.Set enters the other; Serve answers, Request asks.
	greet := func(_ context.Context, _ string, name *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		return wrapperspb.String("hello " + name.GetValue()), nil
	}
	err := example(func(replica, node *peer.Host) error {
		peer.Serve(replica, wire.Round, peer.Node, peer.Limits{}, greet)
		var answer wrapperspb.StringValue
		err := node.Request(context.Background(), replica.ID(), wire.Round, wrapperspb.String("north"), &answer, peer.Limits{})
		fmt.Println(answer.GetValue())
		return err
	})
	fmt.Println(err)
	// Output:
	// hello north
	// <nil>
}
