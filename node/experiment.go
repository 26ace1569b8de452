package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/node/decision"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/node/rounds"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/protocols/possev1"
)

// taken is one experiment that this node takes part in.
type taken struct {
	file   *experiment.Experiment
	shared mechanisms.Shared
	desk   *decision.Desk
	rounds *rounds.Rounds

	// writing is held from a call of the desk until its writes are put: the store
	// keeps the last value of a place, which must be the newest. Taken before mu.
	writing sync.Mutex

	mu    sync.Mutex
	model mechanisms.Model
	now   mechanisms.Descriptor // of the version that is held
	view  *possev1.NodeExperiment

	// With pooling: all that this node ever released, and what it says of the version.
	own      mechanisms.Model
	standing mechanisms.Standing
}

const (
	bucketExperiments = "experiments" // name → held
	bucketOwn         = "own"         // name → all own releases, an encoded model
)

// held is what of an experiment survives a restart: the file, and the version
// that the node decides with.
type held struct {
	File, Model, Descriptor []byte
	Quota                   uint64
	Closed                  bool
}

func (t *taken) held() (store.Write, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	value, err := json.Marshal(held{
		File: t.file.Canonical(), Model: t.model.Encode(), Descriptor: t.now.Encode(), Quota: t.view.GetQuota(),
		Closed: t.view.GetClosed(),
	})
	return store.Write{Bucket: bucketExperiments, Key: []byte(t.file.Name), Value: value}, err
}

// take starts to take part in an experiment, at the version that it holds.
func (n *Node) take(name string, file []byte, m mechanisms.Model, d mechanisms.Descriptor, quota uint64) (*taken, error) {
	e, err := experiment.Read("experiment", file)
	if err != nil {
		return nil, err
	}
	if e.Name != name {
		return nil, fmt.Errorf("experiment %s: its file has another name", strconv.Quote(cut(name)))
	}
	shared, err := n.cfg.Catalogue.Shared(e.Policy.Name, e.Settings())
	if err != nil {
		return nil, err
	}
	if err := sameLayout(shared, d); err != nil {
		return nil, err
	}
	limit := e.Limit()
	if err := n.guard.Open(e.Name, guard.Promise{Unit: e.Privacy.Unit, Limit: limit, Layout: shared.Layout()}); err != nil {
		return nil, err
	}
	if err := n.guard.Restore(n.store, e.Name); err != nil {
		return nil, err
	}
	desk, err := decision.New(decision.Config{
		Experiment: e.Name, Shared: shared, Deadline: e.Reward.Deadline, Keys: n.keys, Source: n.cfg.Noise,
	}, d, m.Version, slots(e, quota))
	if err != nil {
		return nil, err
	}
	if err := desk.Restore(n.store, func(leaf uint64) bool { return n.guard.Left(e.Name, leaf) }); err != nil {
		return nil, err
	}
	t := &taken{
		file: e, shared: shared, desk: desk, rounds: rounds.New(e.Name, m.Version), model: m, now: d,
		view: &possev1.NodeExperiment{Name: e.Name, Quota: quota},
	}
	if err := t.rounds.Restore(n.store); err != nil {
		return nil, err
	}
	if err := t.restoreOwn(n.store); err != nil {
		return nil, err
	}
	return t, t.lean()
}

// pooled is the policy where nodes may differ, nil where they all follow the version.
func (t *taken) pooled() mechanisms.Pooled {
	p, ok := t.shared.(mechanisms.Pooled)
	if !ok || t.file.Pooling != experiment.PartialPooling {
		return nil
	}
	return p
}

func (t *taken) restoreOwn(s *store.Store) error {
	return s.Each(bucketOwn, func(k, v []byte) (err error) {
		if string(k) == t.file.Name {
			t.own, err = mechanisms.DecodeModel(v)
		}
		return err
	})
}

// released adds a release to the node's own ones, and returns what to write with it.
func (t *taken) released(d mechanisms.Descriptor, made *statistics.Set) ([]store.Write, error) {
	if t.pooled() == nil {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.own.Add(d, made); err != nil {
		return nil, err
	}
	return []store.Write{{Bucket: bucketOwn, Key: []byte(t.file.Name), Value: t.own.Encode()}}, nil
}

// lean lets the desk play by the version that is held as far as this node's own noisy
// releases leave it open, from the next window on. It reads nothing else, so a choice
// says no more of a user than a release did.
func (t *taken) lean() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pooled()
	if p == nil {
		return t.desk.Use(t.now, t.model.Version)
	}
	own, standing, err := p.Own(t.now, t.model, t.own)
	if err != nil {
		return err
	}
	t.standing = standing
	return t.desk.UseOwn(t.now, own, t.model.Version)
}

// slots is how many decisions fill a leaf: the quota that the leader shows (0 where
// a clock closes leaves), and never more than one report may hold.
func slots(e *experiment.Experiment, quota uint64) uint64 {
	if limit := uint64(e.Rounds.MaxRecords); limit > 0 && (quota == 0 || quota > limit) {
		return limit
	}
	return quota
}

// sameLayout holds a descriptor to the experiment's own promise: whoever leads
// can't weaken the noise or widen what a record may do.
func sameLayout(s mechanisms.Shared, d mechanisms.Descriptor) error {
	if !bytes.Equal(s.Layout().Encode(), d.Layout.Encode()) {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "DESCRIPTOR_REFUSED", Field: "descriptor",
			Value: "version " + strconv.FormatUint(d.Version, 10), Allowed: "the noise and bounds of the experiment file",
			Message: "the coordinator asks for other noise than the experiment promises", Hint: "tell the operator: this node goes on with the version it holds",
		}
	}
	return nil
}

// find returns an experiment by name.
func (n *Node) find(name string) (*taken, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if t, ok := n.experiments[name]; ok {
		return t, nil
	}
	return nil, &posse.Error{
		Code: posse.NotFound, Reason: "WRONG_EXPERIMENT", Field: "experiment", Value: strconv.Quote(cut(name)),
		Allowed: n.names(), Message: "this node takes part in no experiment of that name", Hint: "posse node status lists them",
	}
}

func cut(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

func (n *Node) names() string {
	if len(n.order) == 0 {
		return "none yet"
	}
	return fmt.Sprint(n.order)
}

// needsUser says whether decisions must name a user.
func (t *taken) needsUser() bool { return t.file.Privacy.Unit == dp.User }
