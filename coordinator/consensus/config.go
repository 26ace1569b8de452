package consensus

import (
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/types"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/wire"
)

// Config says how a replica is opened.
type Config struct {
	// Dir holds the log, the mark and the snapshots, mode 0700; it is made when it
	// does not exist. Nobody else may use it. Required.
	Dir string
	// Host carries the streams. It must serve nothing else on wire.Raft, and it
	// stays open when the replica closes. Required.
	Host *peer.Host
	// FSM is the state. It is empty; the log fills it. Required.
	FSM Machine
	// Bootstrap holds the peer ids of the first members of a new cluster, the same on
	// each of them; their addresses are in the host's book.
	// A replica without any state begins with it; one that has state ignores it.
	Bootstrap []string
	// Join allows a replica without any state to start and wait until a leader adds
	// it. With neither Bootstrap nor Join an empty directory is refused: a replica
	// that lost its log must not vote under its old id.
	Join bool
	// Timing is how fast silence is noticed; the zero value means LAN.
	Timing Timing
	// Logger gets what raft says; nil means nowhere.
	Logger *slog.Logger
	// CommandLimit bounds a command in bytes; 0 means wire.Command, at most
	// wire.CommandMax.
	CommandLimit int
	// SegmentBytes is the length that files of the log are made with, at least
	// 64 KiB; 0 means 64 MiB. A demonstration wants less.
	SegmentBytes int
	// TrailingLogs is how many entries stay behind a snapshot, 0 means 10240.
	TrailingLogs uint64
	// Disk is what the segments of the log are written with; nil means the system's
	// disk. Faults come in here.
	Disk types.VFS
	// Now is the clock that contacts are stamped with; nil means the wall clock.
	Now func() time.Time
}

// Timing is how fast silence is noticed. Fields that are 0 have the value of [LAN].
type Timing struct {
	// Heartbeat is how long a follower waits for its leader, and Election how long a
	// candidate waits for votes: both at least 5 ms and more than ten times the
	// slowest fsync in a hundred.
	Heartbeat time.Duration
	Election  time.Duration
	// Lease is how long a leader goes on without a majority, at most Heartbeat.
	Lease time.Duration
	// Commit is how long a follower may lag behind in what is committed while
	// nothing is proposed.
	Commit time.Duration
}

// LAN is for replicas some milliseconds apart: 1 s, 1 s, 500 ms.
func LAN() Timing {
	return Timing{Heartbeat: time.Second, Election: time.Second, Lease: 500 * time.Millisecond, Commit: 50 * time.Millisecond}
}

// Loopback is for replicas in one process or on one machine, which elect a leader
// within about a second: 300 ms, 300 ms, 200 ms.
func Loopback() Timing {
	return Timing{Heartbeat: 300 * time.Millisecond, Election: 300 * time.Millisecond, Lease: 200 * time.Millisecond, Commit: 20 * time.Millisecond}
}

func (t Timing) withDefaults() Timing {
	lan := LAN()
	pick := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	pick(&t.Heartbeat, lan.Heartbeat)
	pick(&t.Election, max(lan.Election, t.Heartbeat))
	pick(&t.Lease, min(lan.Lease, t.Heartbeat))
	pick(&t.Commit, lan.Commit)
	return t
}

const (
	segmentBytesMin   = 64 << 10
	snapshotThreshold = 8192
	snapshotInterval  = 2 * time.Minute
	snapshotsKept     = 3
	trailingLogs      = 10240
	appendEntries     = 64 // × wire.CommandMax bounds what one call carries
	logCache          = 512
)

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" || c.Host == nil || c.FSM == nil {
		return c, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_REQUIRED", Field: "dir, host, fsm",
			Message: "a replica needs a directory, a host and a state machine", Hint: "set all three",
		}
	}
	if c.CommandLimit < 0 || c.CommandLimit > wire.CommandMax {
		return c, posse.OutOfRange("commandLimit", itoa(c.CommandLimit), "[0, "+itoa(wire.CommandMax)+"]", "")
	}
	if c.SegmentBytes != 0 && c.SegmentBytes < segmentBytesMin {
		return c, posse.OutOfRange("segmentBytes", itoa(c.SegmentBytes), "0 or at least "+itoa(segmentBytesMin), "")
	}
	if c.CommandLimit == 0 {
		c.CommandLimit = wire.Command
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = segmentBytes
	}
	if c.TrailingLogs == 0 {
		c.TrailingLogs = trailingLogs
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Timing = c.Timing.withDefaults()
	return c, nil
}

func (c Config) raft() *raft.Config {
	r := raft.DefaultConfig()
	r.ProtocolVersion = 3
	r.LocalID = raft.ServerID(c.Host.ID())
	r.HeartbeatTimeout, r.ElectionTimeout = c.Timing.Heartbeat, c.Timing.Election
	r.LeaderLeaseTimeout, r.CommitTimeout = c.Timing.Lease, c.Timing.Commit
	r.MaxAppendEntries, r.BatchApplyCh = appendEntries, true
	r.SnapshotThreshold, r.SnapshotInterval, r.TrailingLogs = snapshotThreshold, snapshotInterval, c.TrailingLogs
	r.ShutdownOnRemove = false
	r.NoLegacyTelemetry = true
	r.Logger = newLogger(c.Logger)
	return r
}
