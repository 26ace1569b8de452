package consensus

import (
	"time"

	"github.com/hashicorp/raft"
)

// A member is healthy when the leader heard of it within healthyWithin, in the
// leader's term, at most healthyLag entries behind (distributed.md 3.4).
const (
	healthyWithin = 10 * time.Second
	healthyLag    = 250
)

// Status is what a replica knows of its cluster. Health and lag are known to the
// leader only, and of itself to every replica.
type Status struct {
	ID          string // own peer id
	Leader      string // peer id, "" when none is known
	Term        uint64
	CommitIndex uint64
	Applied     uint64 // the last index that the machine holds
	LastIndex   uint64
	Members     []MemberStatus // in the order of the configuration
	Tolerates   int            // how many voters may fail: (voters − 1) / 2
}

// MemberStatus is one member.
type MemberStatus struct {
	ID          string
	Voter       bool
	Healthy     bool
	Lag         uint64    // entries behind the leader's last
	LastContact time.Time // zero when it was never heard of
}

// Status returns what is known now.
func (c *Consensus) Status() Status {
	leader, _ := c.Leader()
	applied, _ := c.bridge.progress()
	s := Status{
		ID: c.config.Host.ID(), Leader: leader, Term: c.Term(), CommitIndex: c.raft.CommitIndex(),
		Applied: applied, LastIndex: c.raft.LastIndex(),
	}
	leading, now, voters := c.IsLeader(), c.config.Now(), 0
	for _, server := range c.raft.GetConfiguration().Configuration().Servers {
		m := MemberStatus{ID: string(server.ID), Voter: server.Suffrage == raft.Voter}
		if m.Voter {
			voters++
		}
		switch {
		case m.ID == s.ID:
			m.Healthy, m.LastContact = leader != "", now
		case leading:
			if a, heard := c.followers.of(m.ID); heard {
				m.LastContact = a.at
				m.Lag = s.LastIndex - min(a.last, s.LastIndex)
				m.Healthy = now.Sub(a.at) < healthyWithin && a.term == s.Term && m.Lag <= healthyLag
			} else {
				m.Lag = s.LastIndex
			}
		case m.ID == leader:
			m.LastContact = c.raft.LastContact()
			m.Healthy = now.Sub(m.LastContact) < healthyWithin
		}
		s.Members = append(s.Members, m)
	}
	if voters > 0 {
		s.Tolerates = (voters - 1) / 2
	}
	return s
}

// Leader returns the leader's peer id, as far as this replica knows.
func (c *Consensus) Leader() (id string, ok bool) {
	_, leader := c.raft.LeaderWithID()
	return string(leader), leader != ""
}

// IsLeader reports whether this replica leads, as far as it knows:
// [Consensus.VerifyLeader] asks the others.
func (c *Consensus) IsLeader() bool { return c.raft.State() == raft.Leader }

// Term returns the current term.
func (c *Consensus) Term() uint64 { return c.raft.CurrentTerm() }

// LeadershipChanges receives true when this replica begins to lead and false when
// it ceases to. It holds the latest change only, is never closed, and is for one
// receiver.
func (c *Consensus) LeadershipChanges() <-chan bool { return c.raft.LeaderCh() }
