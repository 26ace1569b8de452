package coordinator

import (
	"log/slog"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/consensus"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/protocols/peer"
)

// Config says how a replica runs.
type Config struct {
	// Name is the replica's own, unique in the cluster: letters, digits, '-', '_', '.'.
	// Required.
	Name string
	// Dir holds its keys, its log and its copy of the transparency log. Required; a new
	// directory is made with mode 0700.
	Dir string
	// Cluster is the name of a cluster that this replica begins, and Origin that of its
	// transparency log, kept for ever. They are used with Init alone; empty means
	// "posse" and "posse.local/posse/<cluster>".
	Cluster, Origin string
	// Init begins a cluster when the directory is empty; Join is an invite to an
	// existing one. A replica that has state needs neither.
	Init bool
	Join string
	// Listen holds the multiaddrs for peers; port 0 asks for a free one. Required.
	// Advertise is what others are told instead, where addresses are translated.
	Listen, Advertise []string
	// Private allows loopback and private addresses in the cluster.
	Private bool
	// Requests bounds each node's requests a second; 0 means wire.Requests.
	Requests float64
	// Admin is the address of the operator's API and dashboard, such as
	// 127.0.0.1:7070; empty: neither is served. Only loopback is accepted.
	Admin string
	// Web serves the dashboard beside the API.
	Web bool
	// Catalogue lists the policies; nil means [catalogue.Default].
	Catalogue catalogue.Catalogue
	// Timing is how fast silence is noticed; the zero value means consensus.LAN.
	Timing consensus.Timing
	// CheckpointEvery is how often signed heads enter the log while it grows; 0 means
	// 10 s. They are gathered whenever a node asks.
	CheckpointEvery time.Duration
	// SegmentBytes is the length of the log's files; 0 means 64 MiB.
	SegmentBytes int
	// Now is the clock; required. Log receives events; nil discards.
	Now func() time.Time
	Log *slog.Logger
}

const checkpointEvery = 10 * time.Second

func (c Config) withDefaults() (Config, error) {
	for field, value := range map[string]string{"name": c.Name, "dir": c.Dir} {
		if value == "" {
			return c, &posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: field, Message: field + ": required",
				Hint: "posse coordinator run --name NAME --dir DIR",
			}
		}
	}
	if c.Now == nil {
		return c, &posse.Error{Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "now", Message: "a replica needs a clock"}
	}
	if c.Init && c.Join != "" {
		return c, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_CONFLICT", Field: "join", Message: "init and join exclude each other",
			Hint: "begin one cluster with --init; all further replicas --join it",
		}
	}
	if c.Cluster == "" {
		c.Cluster = "posse"
	}
	if c.Origin == "" {
		c.Origin = "posse.local/posse/" + c.Cluster
	}
	if c.Catalogue == nil {
		c.Catalogue = catalogue.Default()
	}
	if c.Timing.Heartbeat == 0 {
		c.Timing.Heartbeat = consensus.LAN().Heartbeat
	}
	if c.CheckpointEvery == 0 {
		c.CheckpointEvery = checkpointEvery
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Peer is a replica as the others know it, and as their file of members has it.
type Peer struct {
	Name      string   `json:"name"`
	PeerID    string   `json:"peerId"`
	Verifier  string   `json:"verifier"` // its key for checkpoints
	Addresses []string `json:"addresses"`
}

func (p Peer) entry() peer.Entry {
	return peer.Entry{ID: p.PeerID, Role: peer.Replica, Addresses: p.Addresses}
}
