package node

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node/rounds"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/possev1"
)

// follow is the node's one loop towards the coordinator: it watches what the
// leader shows, steps each experiment's rounds and carries out the effects, one
// after the other. Nothing an application does waits for it.
func (n *Node) follow(ctx context.Context) {
	views := make(chan news)
	watching := newLink(n.host, n.cluster, n.cfg)
	n.ended.Go(func() { n.watch(ctx, watching, views) })
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-views:
			n.link.found(w.leader)
			for _, v := range w.GetExperiments() {
				n.see(v)
			}
		case <-n.kick:
		case <-tick.C:
			n.expire()
		}
		for _, t := range n.all() {
			n.drive(ctx, t)
		}
	}
}

// news is what one watch brought, and which replica it came from.
type news struct {
	*possev1.WatchResult
	leader int
}

// silence is how long nobody may answer before it is said: an election is over
// sooner.
const silence = 5 * time.Second

// watch asks for news for ever. It returns at once while there are some.
func (n *Node) watch(ctx context.Context, l *link, views chan<- news) {
	index := uint64(0)
	var silent time.Time // since when nobody answers; zero while somebody does
	told := false
	for ctx.Err() == nil {
		answer, ok, err := l.call(ctx, &possev1.NodeRequest{Body: &possev1.NodeRequest_Watch{Watch: &possev1.Watch{Index: index}}})
		if err != nil {
			index = 0 // another leader may be behind: take whatever it shows
			if ok {
				n.cfg.Log.Warn("the coordinator refuses this node", "reason", posse.As(err).Reason, "hint", posse.As(err).Hint)
				l.fail()
			}
			if now := n.cfg.Now(); silent.IsZero() {
				silent = now
			} else if !ok && !told && now.Sub(silent) >= silence {
				told = true
				n.cfg.Log.Warn("no replica of the coordinator answers: the node goes on deciding and takes part in no round",
					"hint", "check the network, that private is set if replicas are at loopback or private addresses, and with the operator that the node is not revoked")
			}
			l.pause(ctx)
			continue
		}
		if told {
			n.cfg.Log.Info("the coordinator answers again")
		}
		silent, told = time.Time{}, false
		w := answer.GetWatch()
		index = max(1, w.GetIndex()) // 0, as before the first experiment, would ask for whatever there is
		select {
		case views <- news{w, l.at}:
		case <-ctx.Done():
		}
	}
}

// see takes in one experiment as the leader shows it.
func (n *Node) see(v *possev1.NodeExperiment) {
	n.mu.RLock()
	t, ok := n.experiments[v.GetName()]
	n.mu.RUnlock()
	if !ok {
		if v.GetClosed() {
			return
		}
		d, err := mechanisms.DecodeDescriptor(v.GetInitialDescriptor())
		if err == nil {
			t, err = n.take(v.GetName(), v.GetFile(), mechanisms.Model{}, d, v.GetQuota())
		}
		if err != nil {
			if text := err.Error(); n.refused[v.GetName()] != text { // once, not with every view
				n.refused[v.GetName()] = text
				n.cfg.Log.Warn("an experiment is not taken part in", "experiment", v.GetName(), "reason", posse.As(err).Reason, "why", posse.As(err).Message)
			}
			return
		}
		t.view = v
		n.keep(t)
		n.mu.Lock()
		n.experiments[v.GetName()] = t
		n.order = append(n.order, v.GetName())
		n.mu.Unlock()
		n.cfg.Log.Info("takes part in an experiment", "experiment", v.GetName())
	}
	t.mu.Lock()
	closes := v.GetClosed() && !t.view.GetClosed()
	t.view = v
	t.mu.Unlock()
	t.desk.SetQuota(slots(t.file, v.GetQuota()))
	if v.GetClosed() {
		t.desk.Stop()
		n.drop(t)
	}
	if closes {
		n.keep(t)
	}
	n.notify()
}

// drop forgets raw sums that nothing will ever be made of.
func (n *Node) drop(t *taken) {
	t.writing.Lock()
	defer t.writing.Unlock()
	n.store.Put(t.desk.Drop())
}

// keep stores what of an experiment must survive a restart, in one transaction
// with what goes with it.
func (n *Node) keep(t *taken, with ...store.Write) {
	w, err := t.held()
	if err != nil {
		n.cfg.Log.Error("an experiment can't be stored", "experiment", t.file.Name, "why", err)
		return
	}
	n.store.Put(append(with, w))
}

func (n *Node) all() []*taken {
	n.mu.RLock()
	defer n.mu.RUnlock()
	out := make([]*taken, 0, len(n.order))
	for _, name := range n.order {
		out = append(out, n.experiments[name])
	}
	return out
}

// drive steps one experiment until it has nothing more to do by itself.
func (n *Node) drive(ctx context.Context, t *taken) {
	t.mu.Lock()
	view := t.view
	t.mu.Unlock()
	clock := view.GetQuota() == 0
	queue := t.rounds.Step(n.nowMS(), rounds.Seen{View: view, Full: t.desk.Full(clock), Ready: t.desk.Ready()})
	made := false
	for len(queue) > 0 && ctx.Err() == nil {
		e := queue[0]
		queue = queue[1:]
		if _, ok := e.(rounds.Release); ok {
			made = true
		}
		for _, event := range n.carryOut(ctx, t, e) {
			queue = append(queue, t.rounds.Step(n.nowMS(), event)...)
		}
		if len(queue) == 0 && made { // all leaves are released: now the offer
			made = false
			queue = t.rounds.Step(n.nowMS(), rounds.Seen{View: view, Full: t.desk.Full(clock), Ready: t.desk.Ready()})
		}
	}
}

// carryOut does one effect and says what came of it.
func (n *Node) carryOut(ctx context.Context, t *taken, e rounds.Effect) []rounds.Event {
	name := t.file.Name
	switch e := e.(type) {
	case rounds.Release:
		return []rounds.Event{n.release(t, e.Leaf)}
	case rounds.MakeOffer:
		o, err := n.offer(name, e)
		if err != nil {
			n.cfg.Log.Error("an offer can't be made", "experiment", name, "why", err)
			return nil
		}
		return []rounds.Event{rounds.Offered{Offer: o}}
	case rounds.SendOffer:
		var signed possev1.SignedOffer
		if err := proto.Unmarshal(e.Offer.Signed, &signed); err != nil {
			return nil
		}
		return n.send(ctx, name, "offer", &possev1.NodeRequest{Body: &possev1.NodeRequest_Offer{Offer: &signed}})
	case rounds.SendReport:
		signed, err := n.report(name, e)
		if err != nil {
			n.cfg.Log.Error("a report can't be signed", "experiment", name, "why", err)
			return nil
		}
		return n.send(ctx, name, "report", &possev1.NodeRequest{Body: &possev1.NodeRequest_Report{Report: signed}})
	case rounds.Ready:
		return n.send(ctx, name, "ready", &possev1.NodeRequest{Body: &possev1.NodeRequest_Ready{
			Ready: &possev1.Ready{Experiment: name, Decisions: e.Decisions},
		}})
	case rounds.Fetch:
		return n.fetch(ctx, t, e.Version)
	case rounds.Doubt:
		n.doubt(name)
	case rounds.Forget:
		n.store.Put([]store.Write{rounds.Forgotten(name, e.Number)})
	}
	return nil
}

// send gives the leader a message. What does not arrive is sent again.
func (n *Node) send(ctx context.Context, name, kind string, r *possev1.NodeRequest) []rounds.Event {
	_, arrived, err := n.link.call(ctx, r)
	if err == nil {
		return nil
	}
	if !arrived {
		return []rounds.Event{rounds.Lost{}}
	}
	// the leader's own word: a closed round, a conflict; the next view tells
	e := posse.As(err)
	n.cfg.Log.Info("the coordinator refused a message", "experiment", name, "kind", kind, "reason", e.Reason, "field", e.Field)
	if e.Reason == "CONFLICT" && (e.Field == "offer" || e.Field == "report" || e.Field == "leaves.digest") {
		n.doubt(name)
	}
	if number, err := strconv.ParseUint(e.Value, 10, 64); err == nil && e.Reason == "CONFLICT" && e.Field == "leaves.leaf" {
		return []rounds.Event{rounds.Sold{Number: number}}
	}
	return nil
}

// doubt ends all releases of this process: somebody else speaks as this node. It
// stores what it signs before it sends it, and sends the same bytes for ever; that
// the coordinator has other words of it can only mean a copy of its directory, or
// that this one is an older copy. Each copy's guard counts its own releases, so
// together they may spend more than either allows.
func (n *Node) doubt(experiment string) {
	if n.twin {
		return
	}
	n.twin = true
	n.cfg.Log.Error("nothing more is released: the coordinator has other words that are signed with this node's key", "experiment", experiment,
		"hint", "stop the other process, or if this directory is a restored copy join again under a new name; then restart")
}

// expire forgets decisions whose reward would be late.
func (n *Node) expire() {
	const atOnce = 10_000
	now := n.nowMS()
	for _, t := range n.all() {
		t.writing.Lock()
		n.store.Put(t.desk.Expire(now, atOnce))
		t.writing.Unlock()
	}
}
