package coordinator

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/rounds"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/protocols/peer"
)

// leadership is one reign of this replica: the events of its rounds, and who waits
// for an answer.
type leadership struct {
	ctx    context.Context
	events chan rounds.Event

	mu      sync.Mutex
	next    uint64
	tickets map[uint64]chan rounds.Answer
	ready   map[[2]string]uint64 // experiment and node → decisions
	greeted map[string]bool      // nodes that were shown everything once
}

const (
	eventsQueued = 1024
	// tickEvery is how often deadlines and public clocks are looked at; everything
	// else comes as an event.
	tickEvery = 20 * time.Millisecond
)

// followLeadership leads while this replica is the leader.
func (c *Coordinator) followLeadership() {
	var stop func()
	defer func() {
		if stop != nil {
			stop()
		}
	}()
	for {
		select {
		case leads := <-c.raft.LeadershipChanges():
			if stop != nil {
				stop()
				stop = nil
			}
			if leads {
				ctx, cancel := context.WithCancel(c.ctx)
				done := make(chan struct{})
				go func() {
					defer close(done)
					c.lead(ctx)
				}()
				stop = func() {
					cancel()
					<-done
				}
			}
		case <-c.ctx.Done():
			return
		}
	}
}

// lead is one reign: after a barrier the state is all that the leaders before knew.
func (c *Coordinator) lead(ctx context.Context) {
	l := &leadership{
		ctx: ctx, events: make(chan rounds.Event, eventsQueued), tickets: map[uint64]chan rounds.Answer{},
		ready: map[[2]string]uint64{}, greeted: map[string]bool{},
	}
	if err := c.raft.Barrier(ctx); err != nil {
		return // no longer the leader
	}
	if err := c.bootstrap(ctx); err != nil {
		c.config.Log.Error("the cluster could not be begun", "why", err)
		return
	}
	leader := rounds.New(rounds.Config{
		Catalogue: c.config.Catalogue, Verify: peer.Verify, Secret: secret, Elected: c.nowMS(),
	})
	c.config.Log.Info("leads the cluster", "replica", c.config.Name)
	c.leading.Store(l)
	var tasks sync.WaitGroup
	defer func() {
		c.leading.CompareAndSwap(l, nil)
		c.wake(false) // watchers turn to the next leader
		l.dismiss()
		tasks.Wait()
	}()
	tasks.Go(func() { c.admitMembers(ctx) })
	tasks.Go(func() { c.checkStates(ctx) })
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		var event rounds.Event
		select {
		case event = <-l.events:
		case <-c.changed:
			event = rounds.Changed{}
		case <-tick.C:
			event = rounds.Tick{}
		case <-ctx.Done():
			return
		}
		var effects []rounds.Effect
		c.machine.View(func(s *state.State) { effects = leader.Step(max(c.nowMS(), s.Now), s, event) })
		for _, e := range effects {
			switch e := e.(type) {
			case rounds.Propose:
				tasks.Go(func() { c.proposeRound(ctx, l, e) })
			case rounds.Answer:
				l.answer(e)
			}
		}
	}
}

// proposeRound commits a command of a round and tells the leader what became of it.
func (c *Coordinator) proposeRound(ctx context.Context, l *leadership, p rounds.Propose) {
	outcome := rounds.Committed{Proposal: p.Proposal}
	p.Command.NowMs = c.nowMS()
	raw, err := proto.Marshal(p.Command)
	if err == nil {
		var result any
		result, _, err = c.raft.Propose(ctx, raw)
		if r, ok := result.(state.Result); ok {
			outcome.Result = r
			if r.Err != nil {
				c.config.Log.Warn("a step of a round was refused", "reason", r.Err.Reason, "field", r.Err.Field, "why", r.Err.Message)
			}
		} else if err == nil {
			err = errors.New("the command was not applied")
		}
	}
	outcome.Err = err
	l.send(outcome)
}

// send gives the leader an event, unless its reign is over.
func (l *leadership) send(e rounds.Event) bool {
	select {
	case l.events <- e:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// ask gives the leader an event that has a ticket and waits for the answer.
func (l *leadership) ask(ctx context.Context, make func(ticket uint64) rounds.Event) (rounds.Answer, error) {
	answer, ticket := l.ticket()
	defer l.forget(ticket)
	if l.send(make(ticket)) {
		select {
		case a := <-answer:
			return a, nil
		case <-ctx.Done():
			return rounds.Answer{}, ctx.Err()
		case <-l.ctx.Done():
		}
	}
	return rounds.Answer{}, noLeader("")
}

func (l *leadership) ticket() (<-chan rounds.Answer, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	answer := make(chan rounds.Answer, 1)
	l.tickets[l.next] = answer
	return answer, l.next
}

func (l *leadership) forget(ticket uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tickets, ticket)
}

func (l *leadership) answer(a rounds.Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.tickets[a.Ticket]; t != nil {
		t <- a // it has room for the one answer
		delete(l.tickets, a.Ticket)
	}
}

// dismiss lets go of everybody who waits; their contexts tell them.
func (l *leadership) dismiss() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.tickets)
}

func secret() (s [32]byte, err error) {
	_, err = rand.Read(s[:])
	return s, err
}

// noLeader is the answer of a replica that can't serve: who can, if it is known.
func noLeader(leader string) error {
	e := &posse.Error{
		Code: posse.Unavailable, Reason: "NO_LEADER", Field: "leader", Value: leader,
		Message: "this replica is not the leader", Hint: "ask the leader",
	}
	if leader == "" {
		e.Message, e.Hint = "the cluster has no leader", "retry in a second"
	}
	return e
}

const (
	// electionWait is how long a node's request waits for an election to end here,
	// rather than being sent from one replica to the next.
	electionWait = 3 * time.Second
	electionLook = 5 * time.Millisecond
)

// reign returns the leadership, or who else has it. While the leader that is known
// is silent it waits: a hint at a dead replica would cost the node a dial that
// nobody answers.
func (c *Coordinator) reign(ctx context.Context) (*leadership, error) {
	var look *time.Ticker
	for until := c.config.Now().Add(electionWait); ; {
		if l := c.leading.Load(); l != nil {
			return l, nil
		}
		leader := c.liveLeader()
		if leader != "" || c.config.Now().After(until) {
			return nil, noLeader(leader)
		}
		if look == nil {
			look = time.NewTicker(electionLook)
			defer look.Stop()
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil, noLeader("")
		case <-c.ctx.Done():
			return nil, noLeader("")
		}
	}
}

// liveLeader is another replica that leads and was heard of within half of the time
// after which it would be given up; "" when there is none.
func (c *Coordinator) liveLeader() string {
	status := c.raft.Status()
	if status.Leader == "" || status.Leader == c.ID() || !c.host.Connected(status.Leader) {
		return ""
	}
	for _, m := range status.Members {
		if m.ID == status.Leader && c.config.Now().Sub(m.LastContact) < c.config.Timing.Heartbeat/2 {
			return status.Leader
		}
	}
	return ""
}
