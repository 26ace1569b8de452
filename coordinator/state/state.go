package state

import (
	"slices"
	"strings"

	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/protocols/checkpoint"
)

// State is everything that the replicas agree on. It is changed by [Machine] alone;
// whoever reads it through [Machine.View] changes nothing and keeps nothing.
type State struct {
	Cluster     string
	Origin      string // of the transparency log
	Now         int64  // Unix milliseconds, the latest time in the log
	Applied     uint64 // index of the last command in the Raft log
	Commands    uint64 // commands applied, refused ones too
	Replicas    []*Replica
	Invites     []*Invite
	Nodes       []*Node       // by name, revoked ones too
	Experiments []*Experiment // by name
	Log         Log

	book     *books.Book
	requests []*request // in order of application
	byID     map[[16]byte]*request
}

// Replica is a member of the coordinator, by name.
type Replica struct {
	Name      string
	PeerID    string
	Verifier  string // its key for checkpoints, a note's verifier key
	Addresses []string
}

// Node is an enrolled organisation.
type Node struct {
	Name     string
	PeerID   string
	Weight   uint64 // its public share of the traffic, relative to others
	Enrolled int64  // Unix milliseconds
	Revoked  bool
}

// Invite is a permission to enrol, by the hash of its secret.
type Invite struct {
	SecretHash [32]byte
	Name       string
	Role       string // "node" or "replica"
	Weight     uint64
	Expires    int64  // Unix milliseconds
	PeerID     string // bound in advance, or by its first use
	Used       bool
	Revoked    bool
}

// Log is the transparency log in the state: the hashes that the next root needs and
// the newest checkpoint that the replicas signed.
type Log struct {
	Size       uint64
	Checkpoint Checkpoint
	tree       *checkpoint.Range // of [0, Size)
}

// Checkpoint is a signed tree head. The zero value means none yet.
type Checkpoint struct {
	Size       uint64
	Root       []byte
	Signatures []Cosignature
}

// Cosignature is one replica's signed note over the checkpoint.
type Cosignature struct {
	Replica string
	Note    []byte
}

func newState() *State {
	return &State{book: books.New(), byID: map[[16]byte]*request{}, Log: Log{tree: new(checkpoint.Range)}}
}

// Book returns the books. Callers only read it.
func (s *State) Book() *books.Book { return s.book }

// Experiment returns the experiment of a name, or nil.
func (s *State) Experiment(name string) *Experiment {
	if at, ok := s.experiment(name); ok {
		return s.Experiments[at]
	}
	return nil
}

func (s *State) experiment(name string) (int, bool) {
	return slices.BinarySearchFunc(s.Experiments, name, func(e *Experiment, n string) int { return strings.Compare(e.Name, n) })
}

// Node returns the node of a name, revoked or not, or nil.
func (s *State) Node(name string) *Node {
	if at, ok := s.node(name); ok {
		return s.Nodes[at]
	}
	return nil
}

func (s *State) node(name string) (int, bool) {
	return slices.BinarySearchFunc(s.Nodes, name, func(n *Node, name string) int { return strings.Compare(n.Name, name) })
}

// NodeOf returns the enrolled node with a peer id, or nil.
func (s *State) NodeOf(peerID string) *Node {
	for _, n := range s.Nodes {
		if n.PeerID == peerID && !n.Revoked {
			return n
		}
	}
	return nil
}

// Replica returns the replica of a name, or nil.
func (s *State) Replica(name string) *Replica {
	for _, r := range s.Replicas {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// ReplicaOf returns the replica with a peer id, or nil.
func (s *State) ReplicaOf(peerID string) *Replica {
	for _, r := range s.Replicas {
		if r.PeerID == peerID {
			return r
		}
	}
	return nil
}

// Active returns the enrolled nodes that are not revoked, by name.
func (s *State) Active() []*Node {
	var out []*Node
	for _, n := range s.Nodes {
		if !n.Revoked {
			out = append(out, n)
		}
	}
	return out
}

// Invite returns the invite of a name that was made last, or nil.
func (s *State) Invite(name string) *Invite {
	for _, i := range slices.Backward(s.Invites) {
		if i.Name == name {
			return i
		}
	}
	return nil
}
