package wire

import "time"

const (
	kib = 1 << 10
	mib = 1 << 20
)

// Sizes in bytes. A default may be raised by configuration up to its maximum.
const (
	// Control bounds the frame of an offer, a join and every other short message.
	Control    = 64 * kib
	ControlMax = 1 * mib
	// Report bounds the frame of a report and of a model.
	Report    = 4 * mib
	ReportMax = 32 * mib
	// Command bounds one Raft command. Larger aggregates are split in parts.
	Command    = 1 * mib
	CommandMax = 16 * mib
	// Step is how much of a frame is read, and allocated, at a time.
	Step = 64 * kib
	// HTTPHeader bounds the header of a request to the HTTP servers.
	HTTPHeader = 16 * kib
)

// Shapes of problems.
const (
	Arms            = 1024
	ArmsMax         = 16384
	Features        = 256
	FeaturesMax     = 1024
	StateActions    = 4096
	StateActionsMax = 65536
	// Depth is how deeply messages may be nested.
	Depth = 32
)

// Counts of connections, streams and requests.
const (
	// StreamsNode is how many streams a node may have open at a replica.
	StreamsNode = 8
	// StreamsReplica is the same for a replica: Raft keeps a small pool of
	// streams, and forwarded requests wait beside it.
	StreamsReplica = 256
	// StreamsTotal is how many streams a host serves in all.
	StreamsTotal = 4096
	// ConnectionsNode is how many connections a node may hold; a further one
	// closes the oldest, which after a crash is the dead one.
	ConnectionsNode = 2
	// ConnectionsReplica is the same for a replica, which may dial while it is
	// being dialled, over two transports.
	ConnectionsReplica = 8
	// ConnectionsStranger is how many peers that are not enrolled may be
	// connected together while joins are open.
	ConnectionsStranger = 16
	// ConnectionsTotal bounds the connections of a host.
	ConnectionsTotal = 4096
	// AcceptsPrefix and AcceptsPrefixBurst bound new connections a second from
	// one address prefix (/24 and /48), before any handshake.
	AcceptsPrefix      = 50
	AcceptsPrefixBurst = 200
	// Prefixes is how many prefixes the limiter remembers.
	Prefixes = 4096
	// Requests and RequestsBurst bound the requests a second of one node.
	Requests      = 20
	RequestsBurst = 40
	// JoinFailuresPrefix and JoinFailuresTotal bound refused joins a minute, from
	// one address prefix and in all.
	JoinFailuresPrefix = 5
	JoinFailuresTotal  = 100
	// HTTPStreams is how many streams one HTTP/2 connection may have.
	HTTPStreams = 250
)

// Memory in bytes that the transport may hold for one connection and one peer.
// In all it may hold a quarter of the machine's.
const (
	MemoryConnection = 8 * mib
	MemoryPeer       = 16 * mib
)

// Durations. They hold for a whole message, not for each read: a sender of one
// byte a second gains nothing.
const (
	// DialTime is how long reaching a peer may take, from the first packet to an open
	// stream: some round trips. Who does not answer by then is tried again, or another.
	DialTime = 2 * time.Second

	// HeaderTime is how long the length of a frame may take from the moment that
	// it is expected.
	HeaderTime = 2 * time.Second
	// MessageTimeBase and MessageTimeMiB give a whole message 5 s and 1 s a MiB.
	MessageTimeBase = 5 * time.Second
	MessageTimeMiB  = time.Second
	// IdleTime is how long a stream may wait between messages, and the longest
	// wait that a request may ask for.
	IdleTime = 60 * time.Second
	// StrangerTime is how long a peer that is not enrolled may stay connected.
	StrangerTime = 10 * time.Second
	// RateMinimum is the least rate of a sender after its first second, in bytes
	// a second.
	RateMinimum = 16 * kib
	// HTTPHeaderTime and HTTPReadTime bound an HTTP request.
	HTTPHeaderTime = 2 * time.Second
	HTTPReadTime   = 30 * time.Second
)

// MessageTime returns how long a message of n bytes may take after its length is
// known:
//
//	min(5 s + n · 1 s/MiB, 1 s + n / 16 KiB/s)
//
// The second term is the least rate after the first second; it is the smaller one
// up to about 64 KiB. n is in bytes, at least 0.
func MessageTime(n int) time.Duration {
	whole := MessageTimeBase + time.Duration(n)*MessageTimeMiB/mib
	slowest := time.Second + time.Duration(n)*time.Second/RateMinimum
	return min(whole, slowest)
}
