package peer

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/wire"
)

// Request opens a stream to a peer, sends one request and reads one answer, for
// which [Serve] is the other side. A refusal comes back as the [posse.Error] the
// peer gave. When the stream cannot be opened or breaks the error is
// PEER_UNREACHABLE: the request may or may not have been carried out, so whatever
// is sent must be safe to send twice. It returns when ctx ends, and at the latest
// after l.Wait and the times that the two messages may take.
func (h *Host) Request(ctx context.Context, to, protocol string, request, answer proto.Message, l Limits) error {
	l = l.withDefaults()
	size := proto.Size(request)
	opening, cancel := context.WithTimeout(ctx, wire.DialTime)
	s, err := h.Open(opening, to, protocol)
	cancel()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	err = h.exchange(s, request, answer, l, size)
	switch {
	case err == nil:
		_ = s.Close()
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	_ = s.Reset()
	if _, refusal := errors.AsType[*posse.Error](err); refusal {
		return err
	}
	return &posse.Error{
		Code: posse.Unavailable, Reason: "PEER_UNREACHABLE", Field: to,
		Message: "peer did not answer", Hint: "send the same request again", Cause: err,
	}
}

func (h *Host) exchange(s *Stream, request, answer proto.Message, l Limits, size int) error {
	if err := s.SetWriteDeadline(h.now().Add(wire.HeaderTime + wire.MessageTime(size))); err != nil {
		return err
	}
	sent := wire.Write(s, request, l.Request)
	if errors.Is(sent, wire.ErrTooLong) {
		return sent
	}
	if sent == nil {
		sent = s.CloseWrite()
	}
	// A peer that refuses a long request by its length stops reading: the refusal
	// is there although the writing failed.
	if err := s.SetReadDeadline(h.now().Add(l.Wait + wire.HeaderTime)); err != nil {
		return err
	}
	ok, size, err := wire.ReadAnswerLength(s, l.Answer)
	if err != nil {
		return errors.Join(sent, err)
	}
	if err := s.SetReadDeadline(h.now().Add(wire.MessageTime(size))); err != nil {
		return err
	}
	return wire.ReadAnswerBody(s, answer, ok, size)
}
