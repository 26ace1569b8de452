package state

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/checkpoint"
)

// encode returns the state's canonical bytes. Two replicas at the same index have
// the same bytes.
func (s *State) encode() []byte {
	c := &codec{}
	c.state(s)
	return c.out
}

func (s *State) hash() [32]byte { return sha256.Sum256(s.encode()) }

// decode reads what encode wrote and checks what can be checked: the books are
// posted again, and what is looked up by order must be in order.
func decode(data []byte) (*State, error) {
	s := newState()
	c := &codec{in: data, reading: true}
	c.state(s)
	if c.err == nil && len(c.in) != 0 {
		c.err = errDamaged
	}
	if c.err != nil {
		return nil, c.err
	}
	for _, r := range s.requests {
		s.byID[r.ID] = r
	}
	sorted := slices.IsSortedFunc(s.Nodes, func(a, b *Node) int { return strings.Compare(a.Name, b.Name) }) &&
		slices.IsSortedFunc(s.Experiments, func(a, b *Experiment) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range s.Experiments {
		sorted = sorted && len(e.Descriptors) > 0 &&
			slices.IsSortedFunc(e.Members, func(a, b *Member) int { return strings.Compare(a.Node, b.Node) })
	}
	if !sorted {
		return nil, errDamaged
	}
	return s, nil
}

func (c *codec) state(s *State) {
	text(c, &s.Cluster)
	text(c, &s.Origin)
	number(c, &s.Now)
	c.u64(&s.Applied)
	c.u64(&s.Commands)
	pointers(c, &s.Replicas, (*codec).replica)
	pointers(c, &s.Invites, (*codec).inviteItem)
	pointers(c, &s.Nodes, (*codec).node)
	pointers(c, &s.Experiments, (*codec).experiment)
	c.log(&s.Log)
	c.book(s)
	pointers(c, &s.requests, (*codec).request)
}

func (c *codec) replica(r *Replica) {
	text(c, &r.Name)
	text(c, &r.PeerID)
	text(c, &r.Verifier)
	list(c, &r.Addresses, text[string])
}

func (c *codec) inviteItem(i *Invite) {
	c.hash(&i.SecretHash)
	text(c, &i.Name)
	text(c, &i.Role)
	c.u64(&i.Weight)
	number(c, &i.Expires)
	text(c, &i.PeerID)
	c.boolean(&i.Used)
	c.boolean(&i.Revoked)
}

func (c *codec) node(n *Node) {
	text(c, &n.Name)
	text(c, &n.PeerID)
	c.u64(&n.Weight)
	number(c, &n.Enrolled)
	c.boolean(&n.Revoked)
}

func (c *codec) request(r *request) {
	for i := range r.ID {
		b := uint32(r.ID[i])
		number(c, &b)
		r.ID[i] = byte(b)
	}
	text(c, &r.Kind)
	c.u64(&r.Command)
	number(c, &r.Now)
	text(c, &r.Value)
}

func (c *codec) log(l *Log) {
	c.u64(&l.Size)
	hashes := [][]byte(nil)
	if !c.reading {
		hashes = l.tree.Hashes()
	}
	list(c, &hashes, (*codec).bytes)
	if c.reading && c.err == nil {
		var err error
		if l.tree, err = checkpoint.NewRange(l.Size, hashes); err != nil {
			c.err = errDamaged
		}
	}
	c.u64(&l.Checkpoint.Size)
	c.bytes(&l.Checkpoint.Root)
	list(c, &l.Checkpoint.Signatures, func(c *codec, s *Cosignature) {
		text(c, &s.Replica)
		c.bytes(&s.Note)
	})
}

// book writes the history, and reads it by posting each transaction again.
func (c *codec) book(s *State) {
	history := []books.Transaction(nil)
	if !c.reading {
		history = s.book.Transactions()
	}
	list(c, &history, (*codec).transaction)
	if c.reading && c.err == nil {
		var err error
		if s.book, err = books.Restore(history); err != nil {
			c.err = err
		}
	}
}

func (c *codec) transaction(t *books.Transaction) {
	text(c, &t.ID)
	number(c, &t.Time)
	text(c, &t.Kind)
	text(c, &t.Experiment)
	c.u64(&t.Round)
	text(c, &t.Party)
	number(c, &t.Amount)
	number(c, &t.Nodes)
	list(c, &t.Payments, func(c *codec, p *books.Payment) {
		text(c, &p.Node)
		number(c, &p.Amount)
		number(c, &p.Bid)
		c.boolean(&p.ByReserve)
	})
	list(c, &t.Delivered, text[string])
	list(c, &t.Postings, func(c *codec, p *books.Posting) {
		text(c, &p.Account)
		number(c, &p.Amount)
	})
}

func (c *codec) rules(r *Rules) {
	c.u64(&r.RoundDecisions)
	number(c, &r.EveryMs)
	number(c, &r.DeadlineMs)
	number(c, &r.MinContributors)
	c.u64(&r.MaxRecords)
	c.boolean(&r.Paid)
	number(c, &r.Reserve)
	number(c, &r.Budget)
	c.boolean(&r.BidsPublic)
	c.boolean(&r.Everyone)
	number(c, &r.GrantsPerVersion)
	c.u64(&r.ExploreVersions)
	c.u64(&r.ExploreMax)
	number(c, &r.RedrawEveryMs)
	c.u64(&r.Horizon)
	text(c, &r.Sponsor)
	text(c, &r.Unit)
	c.u64(&r.Limit)
}

func (c *codec) experiment(e *Experiment) {
	text(c, &e.Name)
	c.u64(&e.Revision)
	c.bytes(&e.File)
	c.rules(&e.Rules)
	number(c, &e.Created)
	c.boolean(&e.Closed)
	c.boolean(&e.Ended)
	c.boolean(&e.Exhausted)
	list(c, &e.Descriptors, (*codec).descriptor)
	c.versions(e)
	pointers(c, &e.Members, (*codec).member)
	rounds := []*Round(nil)
	if e.Round != nil {
		rounds = []*Round{e.Round}
	}
	pointers(c, &rounds, (*codec).round)
	if len(rounds) > 1 {
		c.err = errDamaged
	} else if len(rounds) == 1 {
		e.Round = rounds[0]
	}
	pointers(c, &e.Rounds, (*codec).record)
	c.u64(&e.Opened)
	c.u64(&e.Aborted)
	number(c, &e.OpenedAt)
	c.hash(&e.Seed)
	list(c, &e.Quotas, func(c *codec, q *Quota) {
		text(c, &q.Node)
		c.u64(&q.Units)
	})
	c.u64(&e.Draws)
	number(c, &e.LastDraw)
	c.u64(&e.Changed)
}

func (c *codec) descriptor(d *Descriptor) {
	c.bytes(&d.Bytes)
	if c.reading {
		d.Digest = digest(d.Bytes)
	}
}

// versions writes the kept versions. A part that several of them share is written
// once, before them, and named by its place.
func (c *codec) versions(e *Experiment) {
	var shared []*Part
	if !c.reading {
		for _, v := range e.Versions {
			for _, p := range v.Parts {
				if !slices.Contains(shared, p) {
					shared = append(shared, p)
				}
			}
		}
	}
	pointers(c, &shared, func(c *codec, p *Part) {
		c.descriptor(&p.Descriptor)
		c.u64(&p.Releases)
		c.set(&p.Sum)
	})
	pointers(c, &e.Versions, func(c *codec, v *Version) {
		c.u64(&v.Number)
		list(c, &v.Parts, func(c *codec, p **Part) {
			at := uint32(max(0, slices.Index(shared, *p)))
			number(c, &at)
			if c.reading {
				if int(at) >= len(shared) {
					c.err = errDamaged
					return
				}
				*p = shared[at]
			}
		})
		c.bytes(&v.Descriptor)
		c.boolean(&v.Ended)
		c.u64(&v.Round)
		number(c, &v.Published)
		c.u64(&v.Leaf)
		c.hash(&v.Digest)
	})
}

func (c *codec) set(s **statistics.Set) {
	var raw []byte
	if !c.reading {
		raw = (*s).Encode()
	}
	c.bytes(&raw)
	if c.reading && c.err == nil {
		var err error
		if *s, err = statistics.Decode(raw); err != nil {
			c.err = errDamaged
		}
	}
}

func (c *codec) member(m *Member) {
	text(c, &m.Node)
	c.u64(&m.Granted)
	c.u64(&m.Missed)
	c.u64(&m.Grants)
	list(c, &m.Leaves, func(c *codec, l *Leaf) {
		c.u64(&l.Number)
		c.hash(&l.Descriptor)
		c.hash(&l.Digest)
		c.spend(&l.Spend)
		c.u64(&l.Offered)
		c.u64(&l.Bought)
	})
	c.u64(&m.Offers)
	c.u64(&m.Wins)
	c.u64(&m.Delivered)
	c.u64(&m.Conflicts)
	number(c, &m.Contribution)
	number(c, &m.Paid)
	number(c, &m.LastOffer)
	c.u64(&m.Changed)
}

func (c *codec) spend(s *dp.Spend) {
	c.u64(&s.NanoEpsilon)
	c.u64(&s.PicoRho)
	c.u64(&s.AttoDelta)
}

func (c *codec) round(r *Round) {
	c.u64(&r.ID)
	number(c, &r.Phase)
	number(c, &r.Opened)
	number(c, &r.OfferBy)
	number(c, &r.ReportBy)
	number(c, &r.Settled)
	number(c, &r.Reserve)
	number(c, &r.Nodes)
	c.hash(&r.SeedCommit)
	pointers(c, &r.Offers, func(c *codec, o *Offer) {
		text(c, &o.Node)
		number(c, &o.Bid)
		c.hash(&o.Nonce)
		c.hash(&o.Digest)
		list(c, &o.Leaves, func(c *codec, l *Claim) {
			c.u64(&l.Leaf)
			c.hash(&l.Descriptor)
			c.bytes(&l.Claim)
			c.hash(&l.Digest)
			c.spend(&l.Spend)
		})
		c.boolean(&o.Conflict)
	})
	list(c, &r.Winners, (*codec).payment)
	list(c, &r.Pivotal, text[string])
	list(c, &r.Excluded, (*codec).exclusion)
	c.u64(&r.Share)
	pointers(c, &r.Reports, func(c *codec, p *Report) {
		text(c, &p.Node)
		c.hash(&p.Digest)
		list(c, &p.Leaves, func(c *codec, l *Release) {
			c.u64(&l.Leaf)
			c.bytes(&l.Released)
		})
		c.boolean(&p.Conflict)
	})
}

func (c *codec) payment(p *Payment) {
	text(c, &p.Node)
	number(c, &p.Amount)
}

func (c *codec) exclusion(x *Exclusion) {
	text(c, &x.Node)
	text(c, &x.Reason)
}

func (c *codec) record(r *Record) {
	c.u64(&r.ID)
	number(c, &r.Phase)
	number(c, &r.Opened)
	number(c, &r.Settled)
	number(c, &r.Finished)
	number(c, &r.Nodes)
	number(c, &r.Reserve)
	list(c, &r.Offered, func(c *codec, o *Offered) {
		text(c, &o.Node)
		c.hash(&o.Digest)
		c.hash(&o.Report)
	})
	list(c, &r.Winners, (*codec).payment)
	list(c, &r.Pivotal, text[string])
	list(c, &r.Excluded, (*codec).exclusion)
	list(c, &r.Delivered, text[string])
	list(c, &r.Granted, text[string])
	list(c, &r.Contributions, func(c *codec, x *Contribution) {
		text(c, &x.Node)
		number(c, &x.Units)
	})
	c.u64(&r.Share)
	c.u64(&r.Version)
	text(c, &r.Reason)
	c.u64(&r.Leaf)
}
