package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/posse-dev/posse/coordinator"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/coordinator/web"
)

// Demo is a prepared scene and the platform that it is played on.
type Demo struct {
	cfg   Config
	scene *scene
	stage *stage

	mu        sync.Mutex
	baselines *baselines // nil while they are computed
	summary   *Summary   // nil until the end
	leaders   []string   // in order of change
	uniform   float64    // mean rewards on this traffic, known from the start
	best      float64
	curve     []web.DemoPoint
	users     []web.DemoUsers
	endedAt   int64 // decisions when learning ended
	kill      int
	computed  chan struct{}
}

// New checks the configuration and prepares the scene; nothing runs yet.
func New(cfg Config) (*Demo, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	sc, err := newScene(cfg)
	if err != nil {
		return nil, err
	}
	_, best := sc.traffic.BestFixed()
	return &Demo{
		uniform: sc.traffic.Uniform(), best: best,
		cfg: cfg, scene: sc, kill: cfg.KillLeader, computed: make(chan struct{}),
		stage: &stage{cfg: cfg, dead: map[*coordinator.Coordinator]bool{}},
	}, nil
}

// Said lists what was done to make the scene, for people.
func (d *Demo) Said() []string { return d.scene.said }

// Run plays the scene through the platform. It returns when every decision is made,
// every reward durable and everybody holds the last version; the platform stays up
// until [Demo.Close].
func (d *Demo) Run(ctx context.Context) (*Summary, error) {
	go func() {
		b := d.scene.compute(d.cfg.Seed)
		d.mu.Lock()
		d.baselines = b
		d.mu.Unlock()
		close(d.computed)
	}()
	d.tell()
	if err := d.stage.startReplicas(ctx); err != nil {
		return nil, err
	}
	if err := d.stage.startNodes(ctx, d.scene); err != nil {
		return nil, err
	}
	if err := d.stage.apply(ctx, d.scene.experiment); err != nil {
		return nil, err
	}
	if err := d.wait(ctx, "nodes to take part", func() bool {
		for _, c := range d.stage.crowds {
			if _, ok := c.node.Status(d.scene.experiment.Name); !ok {
				return false
			}
		}
		return true
	}); err != nil {
		return nil, err
	}
	if err := d.play(ctx); err != nil {
		return nil, err
	}
	d.tell()
	if err := d.wait(ctx, "everybody to hold the last version", d.allNewest); err != nil {
		return nil, err
	}
	return d.finish(ctx)
}

// play lets users come, a round's worth at a time, until all have come.
func (d *Demo) play(ctx context.Context) error {
	name := d.scene.experiment.Name
	steps := max(1, d.scene.traffic.Decisions()/int(max(1, d.scene.experiment.Rounds.Trigger.Decisions)))
	for !d.allCame() {
		began := d.cfg.Now()
		ended := d.ended()
		var group errgroup.Group
		for _, c := range d.stage.crowds {
			quota := d.quota(c)
			group.Go(func() error { return c.come(ctx, quota) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if d.kill > 0 && d.published() >= uint64(d.kill) {
			d.kill = 0
			if err := d.stage.kill(); err != nil {
				return err
			}
		}
		if !ended {
			due := d.due()
			if err := d.wait(ctx, fmt.Sprintf("round %d", due), func() bool { return d.roundOver(name, due) }); err != nil {
				return err
			}
		}
		d.note()
		d.tell()
		if rest := d.cfg.Pace/time.Duration(steps) - d.cfg.Now().Sub(began); rest > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(rest):
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// due is the number of rounds that must have opened by now: the nodes' public clocks
// together, over the decisions between rounds.
func (d *Demo) due() uint64 {
	ready := uint64(0)
	for _, c := range d.stage.crowds {
		s, _ := c.node.Status(d.scene.experiment.Name)
		ready += s.Ready
	}
	every := uint64(d.scene.experiment.Rounds.Trigger.Decisions)
	if every == 0 {
		return 0
	}
	return ready / every
}

// quota is how many users of one organisation come before the next round: its own
// window, which is public.
func (d *Demo) quota(c *crowd) int {
	s, _ := c.node.Status(d.scene.experiment.Name)
	if s.Quota > 0 {
		return int(s.Quota)
	}
	return max(1, int(c.stream.Share*float64(d.scene.traffic.Decisions())/60+0.5))
}

func (d *Demo) allCame() bool {
	for _, c := range d.stage.crowds {
		if !c.done() {
			return false
		}
	}
	return true
}

// roundOver reports whether a round has its outcome and the nodes use what they were
// granted of it. Learning may also have ended, or the money.
func (d *Demo) roundOver(name string, round uint64) bool {
	over, granted := false, map[string]uint64{}
	d.stage.look(func(s *state.State) {
		e := s.Experiment(name)
		if e == nil {
			return
		}
		over = e.Ended || e.Exhausted || (e.Round == nil && e.Opened >= round)
		for _, m := range e.Members {
			granted[m.Node] = m.Granted
		}
	})
	if !over {
		return false
	}
	for _, c := range d.stage.crowds {
		if s, _ := c.node.Status(name); s.Version < granted[c.node.Name()] {
			return false
		}
	}
	return true
}

func (d *Demo) ended() (ended bool) {
	d.stage.look(func(s *state.State) {
		if e := s.Experiment(d.scene.experiment.Name); e != nil {
			ended = e.Ended || e.Exhausted
		}
	})
	return ended
}

func (d *Demo) published() (n uint64) {
	d.stage.look(func(s *state.State) {
		if e := s.Experiment(d.scene.experiment.Name); e != nil {
			n = e.Version()
		}
	})
	return n
}

func (d *Demo) allNewest() bool {
	newest := d.published()
	for _, c := range d.stage.crowds {
		if s, _ := c.node.Status(d.scene.experiment.Name); s.Version != newest {
			return false
		}
	}
	return true
}

// patience bounds every wait: a failover takes a second, a round tens of
// milliseconds.
const (
	patience = 60 * time.Second
	look     = 3 * time.Millisecond
)

// wait polls: the demo looks at the platform from outside and must not disturb it.
func (d *Demo) wait(ctx context.Context, what string, done func() bool) error {
	until := d.cfg.Now().Add(patience)
	for !done() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(look):
		}
		if d.cfg.Now().After(until) {
			return fmt.Errorf("waited %v for %s", patience, what)
		}
	}
	return nil
}

// tell passes on how far the demo is.
func (d *Demo) tell() {
	p := Progress{Of: d.scene.traffic.Decisions(), Nodes: len(d.scene.traffic.Nodes)}
	for _, c := range d.stage.crowds {
		p.Decisions += c.next
	}
	if l := d.stage.leader(); l != nil && l.Leading() {
		p.Leader = l.Name()
		d.follow(p.Leader)
		d.stage.look(func(s *state.State) {
			e := s.Experiment(d.scene.experiment.Name)
			if e == nil {
				return
			}
			p.Round, p.Version = int(e.Opened), e.Version()
			for _, m := range e.Members {
				if m.Granted == p.Version {
					p.NodesAtNewest++
				}
			}
		})
	}
	d.mu.Lock()
	p.LeaderChanges = max(0, len(d.leaders)-1)
	d.mu.Unlock()
	d.cfg.Progress(p)
}

// follow notes who leads, when it changes.
func (d *Demo) follow(leader string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if leader != "" && (len(d.leaders) == 0 || d.leaders[len(d.leaders)-1] != leader) {
		d.leaders = append(d.leaders, leader)
	}
}

// Close stops the platform. Its directory is the caller's to delete.
func (d *Demo) Close() error { return d.stage.close() }
