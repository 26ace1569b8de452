package decision

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node/store"
)

// MaxPending is the default limit of decisions that wait for their reward.
const MaxPending = 10_000_000

// Config is what a desk must know. All fields but MaxPending are required.
type Config struct {
	Experiment string
	Shared     mechanisms.Shared
	Deadline   time.Duration // after the decision; a later reward is LATE
	Keys       Keys
	Source     noise.Secure // of choices and of local randomisers: never a seeded one
	// MaxPending bounds the decisions that wait for their reward, and the keys that
	// are remembered; twice as many decisions are remembered in all. 0: [MaxPending].
	MaxPending int
}

// Desk answers decisions and takes rewards of one experiment. Safe for concurrent
// use. Slots count the decisions of this node in this experiment and are public.
type Desk struct {
	cfg Config

	mu       sync.Mutex
	next     mechanisms.Descriptor // for leaves that open from now on
	own      mechanisms.Descriptor // what their windows play: next, or what is left of it with pooling
	version  uint64                // of the model that next came with
	exploit  mechanisms.Window     // set once learning has ended
	quota    uint64                // slots of a new leaf
	slots    uint64                // slots given so far
	leafs    uint64                // leaves opened so far
	ready    uint64                // slots of filled leaves
	leaves   []*leaf               // not yet closed, oldest first
	pending  map[uint64]*pending
	order    []uint64 // sequence numbers of pending, oldest first
	newest   uint64   // largest sequence number of this desk
	repeats  map[[16]byte]*repeat
	keys     [][16]byte // of repeats, oldest first
	waiting  uint64     // decisions without a reward
	closed   bool
	rewards  uint64
	late     uint64
	foreign  uint64
	unlearnt uint64
}

const (
	bucketDecisions = "decisions"
	bucketLeaves    = "leaves"
	bucketDesks     = "desks"
)

// New returns a desk that has decided nothing yet, under the descriptor of a version.
func New(cfg Config, d mechanisms.Descriptor, version, quota uint64) (*Desk, error) {
	if cfg.Shared == nil || cfg.Experiment == "" || cfg.Deadline <= 0 || len(cfg.Keys.ID) == 0 {
		return nil, errors.New("a desk needs an experiment, its policy, a deadline and keys")
	}
	if cfg.MaxPending == 0 {
		cfg.MaxPending = MaxPending
	}
	desk := &Desk{cfg: cfg, pending: map[uint64]*pending{}, repeats: map[[16]byte]*repeat{}, quota: quota}
	return desk, desk.Use(d, version)
}

// Use makes next, which came with a version, the descriptor of leaves that open from
// now on; a leaf that is being filled keeps its own. When next has ended, every
// decision exploits at once.
func (d *Desk) Use(next mechanisms.Descriptor, version uint64) error {
	return d.UseOwn(next, next, version)
}

// UseOwn is [Desk.Use] where the node's windows play by a descriptor of its own
// ([mechanisms.Pooled]); what it reports is under next. When its own has ended, every
// decision exploits at once, and the public clock goes on.
func (d *Desk) UseOwn(next, own mechanisms.Descriptor, version uint64) error {
	w, err := d.cfg.Shared.Open(own)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next, d.own, d.version = next, own, version
	if own.Ended {
		d.exploit = w
	}
	return nil
}

// SetQuota changes the slots of leaves that open from now on; 0 leaves closing
// them to a clock.
func (d *Desk) SetQuota(quota uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.quota = quota
}

// Stop makes every later decision and reward answer that the experiment is closed.
func (d *Desk) Stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}

// Counts are the desk's own figures: they stay on the node.
type Counts struct {
	Decisions, Rewards, Pending uint64
	Late, Foreign               uint64 // rewards too late; records of arms dropped since
	Untaught                    uint64 // rewards of users who have given all they may
	Version                     uint64 // of the model in use
}

// Newest is the largest sequence number that the desk knows.
func (d *Desk) Newest() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.newest
}

// Counts returns the desk's figures.
func (d *Desk) Counts() Counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Counts{
		Decisions: d.slots, Rewards: d.rewards, Pending: d.waiting, Late: d.late, Foreign: d.foreign,
		Untaught: d.unlearnt, Version: d.version,
	}
}

// key of an experiment's thing with a number: name, a zero byte, big endian.
func (d *Desk) key(n uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(d.cfg.Experiment), 0), n)
}

func (d *Desk) parse(key []byte) (n uint64, mine bool) {
	name := len(d.cfg.Experiment)
	if len(key) != name+9 || string(key[:name]) != d.cfg.Experiment || key[name] != 0 {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[name+1:]), true
}

// head is the desk's own counters, as stored.
func (d *Desk) head() store.Write {
	out := make([]byte, 0, 56)
	for _, v := range []uint64{d.slots, d.leafs, d.ready, d.newest, d.rewards, d.foreign, d.unlearnt} {
		out = binary.LittleEndian.AppendUint64(out, v)
	}
	return store.Write{Bucket: bucketDesks, Key: []byte(d.cfg.Experiment), Value: out}
}

func (d *Desk) leafWrite(l *leaf) store.Write {
	return store.Write{Bucket: bucketLeaves, Key: d.key(l.number), Value: l.encode()}
}

// Drop forgets every leaf: once learning has ended or the experiment is closed,
// nothing will ever be made of their raw sums.
func (d *Desk) Drop() (writes []store.Write) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.exploit == nil && !d.closed {
		return nil
	}
	for _, l := range d.leaves {
		writes = append(writes, d.Forget(l.number)...)
	}
	d.leaves = nil
	return writes
}

// Forget removes a closed leaf's raw sums from the store, once what was made of
// them is there.
func (d *Desk) Forget(number uint64) []store.Write {
	return []store.Write{{Bucket: bucketLeaves, Key: d.key(number)}}
}

// Restore reads what a desk wrote before it stopped. released says which leaves
// have left: they are not opened again, whatever else is on the disk.
func (d *Desk) Restore(s *store.Store, released func(leaf uint64) bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := s.Each(bucketDesks, func(k, v []byte) error {
		if string(k) != d.cfg.Experiment {
			return nil
		}
		if len(v) != 56 {
			return fmt.Errorf("experiment %s: %w", d.cfg.Experiment, errPending)
		}
		for i, p := range []*uint64{&d.slots, &d.leafs, &d.ready, &d.newest, &d.rewards, &d.foreign, &d.unlearnt} {
			*p = binary.LittleEndian.Uint64(v[8*i:])
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.Each(bucketLeaves, func(k, v []byte) error {
		n, mine := d.parse(k)
		if !mine || released(n) {
			return nil
		}
		l, err := decodeLeaf(v, d.cfg.Shared)
		if err != nil {
			return fmt.Errorf("experiment %s, leaf %d: %w", d.cfg.Experiment, n, err)
		}
		d.leaves = append(d.leaves, l)
		return nil
	}); err != nil {
		return err
	}
	sort.Slice(d.leaves, func(i, j int) bool { return d.leaves[i].number < d.leaves[j].number })
	if err := s.Each(bucketDecisions, func(k, v []byte) error {
		n, mine := d.parse(k)
		if !mine {
			return nil
		}
		p, err := decodePending(v)
		if err != nil {
			return fmt.Errorf("experiment %s: %w", d.cfg.Experiment, err)
		}
		d.pending[n] = p
		if !p.rewarded {
			d.waiting++
		}
		d.order = append(d.order, n) // keys come in ascending order
		return nil
	}); err != nil {
		return err
	}
	return d.restoreRepeats(s)
}

// Expire forgets decisions whose reward would be late by now and keys whose day is
// over, at most limit of each, and returns what to write.
func (d *Desk) Expire(now int64, limit int) []store.Write {
	d.mu.Lock()
	defer d.mu.Unlock()
	writes := d.expireRepeats(now, limit)
	for ; len(d.order) > 0 && limit > 0; limit-- {
		sequence := d.order[0]
		p := d.pending[sequence]
		if p.at+d.cfg.Deadline.Milliseconds() >= now {
			break
		}
		delete(d.pending, sequence)
		if !p.rewarded {
			d.waiting--
		}
		writes = append(writes, store.Write{Bucket: bucketDecisions, Key: d.key(sequence)})
		d.order = d.order[1:]
	}
	return writes
}

func (d *Desk) errClosed() error {
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: "EXPERIMENT_CLOSED", Field: "experiment", Value: d.cfg.Experiment,
		Message: "the experiment is closed", Hint: "ask the operator which one follows it",
	}
}
