package peer

import (
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// Address is a peer id as a [net.Addr].
type Address string

// Network returns "libp2p".
func (Address) Network() string { return "libp2p" }

// String returns the peer id.
func (a Address) String() string { return string(a) }

// Stream is a two-way stream to a peer whose id is proven. It is a [net.Conn]
// whose addresses are peer ids. It comes from [Host.Open] or [Host.Handle].
type Stream struct {
	inner network.Stream
}

var _ net.Conn = (*Stream)(nil)

// Read reads what the peer wrote; io.EOF after it closed its side.
func (s *Stream) Read(p []byte) (int, error) { return s.inner.Read(p) }

// Write writes to the peer.
func (s *Stream) Write(p []byte) (int, error) { return s.inner.Write(p) }

// Close closes both sides after what was written; it waits for nothing.
func (s *Stream) Close() error { return s.inner.Close() }

// CloseWrite tells the peer that nothing more will come.
func (s *Stream) CloseWrite() error { return s.inner.CloseWrite() }

// Reset drops the stream; the peer sees an error, not an end.
func (s *Stream) Reset() error { return s.inner.Reset() }

// LocalAddr returns the own peer id.
func (s *Stream) LocalAddr() net.Addr { return Address(s.inner.Conn().LocalPeer().String()) }

// RemoteAddr returns the peer's id.
func (s *Stream) RemoteAddr() net.Addr { return Address(s.inner.Conn().RemotePeer().String()) }

// SetDeadline sets both deadlines; the zero time means none.
func (s *Stream) SetDeadline(t time.Time) error { return s.inner.SetDeadline(t) }

// SetReadDeadline sets the deadline of reads.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.inner.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline of writes.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.inner.SetWriteDeadline(t) }
