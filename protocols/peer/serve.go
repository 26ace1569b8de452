package peer

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/wire"
)

// Limits bound one request and its answer.
type Limits struct {
	Request int // bytes of the request's frame; 0 means wire.Control
	Answer  int // bytes of the answer's frame; 0 means wire.Control
	// Wait is how long the answer may take to begin, beyond its transfer: what a
	// long poll asks for. 0 means wire.IdleTime, which is also the maximum.
	Wait time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Request == 0 {
		l.Request = wire.Control
	}
	if l.Answer == 0 {
		l.Answer = wire.Control
	}
	if l.Wait == 0 || l.Wait > wire.IdleTime {
		l.Wait = wire.IdleTime
	}
	return l
}

// Handle gives every stream of a protocol that a peer of one of the roles opens to
// f, on a goroutine of its own. The context ends with the connection, the peer's
// role and the host; the stream is closed when f returns nil and reset when it
// returns an error. A peer of another role, or with too many streams, is reset
// before f sees it. Handle must be called once a protocol.
func (h *Host) Handle(proto string, roles Role, f func(ctx context.Context, from string, s *Stream) error) {
	h.handle(proto, roles, func(ctx context.Context, from peer.ID, s *Stream) error {
		return f(ctx, from.String(), s)
	})
}

func (h *Host) handle(proto string, roles Role, f func(ctx context.Context, from peer.ID, s *Stream) error) {
	h.inner.SetStreamHandler(protocol.ID(proto), func(inner network.Stream) {
		from := inner.Conn().RemotePeer()
		role := h.book.role(from)
		if role&roles == 0 {
			if n := h.denied[proto]; n != nil {
				n.Add(1)
			}
			_ = inner.Reset()
			return
		}
		ctx, release, ok := h.admit(inner.Conn(), role)
		if !ok {
			_ = inner.Reset()
			return
		}
		defer release()
		s := &Stream{inner: inner}
		if err := f(ctx, from, s); err != nil {
			_ = s.Reset()
			return
		}
		_ = s.Close()
	})
}

// admit counts a stream against its peer's number and returns the context of the
// connection, which also knows the remote prefix.
func (h *Host) admit(c network.Conn, role Role) (context.Context, func(), bool) {
	id := c.RemotePeer()
	allowed := wire.StreamsNode
	switch role {
	case Replica:
		allowed = wire.StreamsReplica
	case Stranger:
		allowed = 1
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	known, live := h.conns[c.ID()]
	if h.closed || !live || h.streams[id] >= allowed || h.total >= wire.StreamsTotal {
		return nil, nil, false
	}
	h.streams[id]++
	h.total++
	h.handlers.Add(1)
	return context.WithValue(known.ctx, prefixKey{}, prefixOf(c)), func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.streams[id]--; h.streams[id] == 0 {
			delete(h.streams, id)
		}
		h.total--
		h.handlers.Done()
	}, true
}

type prefixKey struct{}

// Prefix returns the /24 or /48 address prefix of the peer that a handler's
// context belongs to, "" for any other context.
func Prefix(ctx context.Context) string {
	prefix, _ := ctx.Value(prefixKey{}).(string)
	return prefix
}

// Serve answers one request a stream: it reads a request of a peer of one of the
// roles, within the time a message of its length may take, calls answer, and sends
// what it returned. A [posse.Error] reaches the peer as it is, any other error as
// an internal one without its text. The context of answer ends when the peer's
// connection does, and after l.Wait. A malformed request is a strike.
func Serve[Q, A proto.Message](h *Host, proto string, roles Role, l Limits, answer func(ctx context.Context, from string, request Q) (A, error)) {
	l = l.withDefaults()
	var kind Q
	h.handle(proto, roles, func(ctx context.Context, from peer.ID, s *Stream) error {
		request := kind.ProtoReflect().New().Interface().(Q)
		if err := h.receive(from, s, request, l.Request); err != nil {
			return h.refuse(from, s, err)
		}
		within, cancel := context.WithTimeout(ctx, l.Wait)
		defer cancel()
		a, err := answer(within, from.String(), request)
		if err != nil {
			return h.refuse(from, s, err)
		}
		if err := s.SetWriteDeadline(h.now().Add(wire.HeaderTime + wire.MessageTime(l.Answer))); err != nil {
			return err
		}
		if err := wire.WriteAnswer(s, a, l.Answer); err != nil && !errors.Is(err, wire.ErrTooLong) {
			return err
		}
		return nil
	})
}

// receive reads the one request of a stream.
func (h *Host) receive(from peer.ID, s *Stream, request proto.Message, limit int) error {
	if err := s.SetReadDeadline(h.now().Add(wire.HeaderTime)); err != nil {
		return err
	}
	size, err := wire.ReadLength(s, limit)
	if err != nil {
		return err
	}
	if !h.allowed(from) {
		return &posse.Error{
			Code: posse.ResourceExhausted, Reason: "LIMIT_EXCEEDED", Field: "requests.node",
			Message: "too many requests a second", Hint: "retry later, with back-off",
		}
	}
	if err := s.SetReadDeadline(h.now().Add(wire.MessageTime(size))); err != nil {
		return err
	}
	if err := wire.ReadBody(s, request, size); err != nil {
		return err
	}
	return wire.End(s)
}

// refuse sends the refusal, so that the peer learns what was wrong; a stream that
// broke or stalled is only reset. A malformed message is a strike.
func (h *Host) refuse(from peer.ID, s *Stream, err error) error {
	if errors.Is(err, wire.ErrMalformed) && h.strikes.strike(from) {
		_ = h.inner.Network().ClosePeer(from)
		return err
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		return err
	}
	if err := s.SetWriteDeadline(h.now().Add(wire.HeaderTime)); err != nil {
		return err
	}
	return wire.WriteRefusal(s, err)
}

// allowed counts a request against the peer's rate. Replicas are not limited.
func (h *Host) allowed(from peer.ID) bool {
	if h.book.role(from) == Replica {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	limiter := h.limiters[from]
	if limiter == nil {
		if len(h.limiters) >= wire.ConnectionsTotal {
			clear(h.limiters) // a full burst for everybody, rather than a table that grows
		}
		limiter = rate.NewLimiter(h.requests, max(1, int(2*h.requests)))
		h.limiters[from] = limiter
	}
	return limiter.AllowN(h.now(), 1)
}
