package bench

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/account"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/node/store"
)

const (
	composition = "privacy loss of 1,000 different Gaussians"
	mixture     = "privacy loss of 1,000 events of five kinds, all different"
	durable     = "charges with their record on disk, 256 callers"
	millionth   = "the thousand charges after a million"
)

func BenchmarkComposition(b *testing.B) {
	gaussian := func(i int) account.Event {
		return account.Event{Mechanism: account.Gaussian, Sigma: 20 + float64(i)/20}
	}
	for _, n := range []struct {
		name  string
		event func(i int) account.Event
	}{{composition, gaussian}, {mixture, func(i int) account.Event {
		switch x := float64(i); i % 5 {
		case 0:
			return gaussian(i)
		case 1:
			return account.Event{Mechanism: account.Laplace, Scale: 20 + x/20}
		case 2:
			return account.Event{Mechanism: account.RandomizedResponse, Epsilon: 0.02 + x/20_000}
		case 3:
			return account.Event{Mechanism: account.DiscreteGaussian, Sigma: 30 + x/20}
		default:
			return account.Event{Mechanism: account.DiscreteLaplace, Scale: 30 + x/20}
		}
	}}} {
		b.Run(n.name, func(b *testing.B) { compose(b, n.name, n.event) })
	}
}

func compose(b *testing.B, name string, event func(i int) account.Event) {
	events := make([]account.Event, 1000)
	for i := range events {
		events[i] = event(i)
	}
	p, err := account.NewPLD(events, 1e-6)
	if err != nil {
		b.Fatal(err)
	}
	fft, in := fourier.NewFFT(p.Cells), make([]float64, p.Cells)
	for i := range in {
		in[i] = float64(i % 7)
	}
	out := make([]complex128, p.Cells/2+1)
	slower(b, name, "1,000 transforms of the same length, gonum", "at most 2", func() time.Duration {
		return timed(func() {
			if _, err := account.NewPLD(events, 1e-6); err != nil {
				b.Fatal(err)
			}
		})
	}, func() time.Duration {
		return timed(func() {
			for range events {
				fft.Coefficients(out, in)
			}
		})
	})
}

const (
	callers = 256
	charges = 200 // of each caller
)

// together runs f for each caller as often as a caller charges.
func together(f func(caller, i int) error) error {
	var all sync.WaitGroup
	var first error
	var once sync.Once
	for c := range callers {
		all.Go(func() {
			for i := range charges {
				if err := f(c, i); err != nil {
					once.Do(func() { first = err })
					return
				}
			}
		})
	}
	all.Wait()
	return first
}

// BenchmarkDurableCharges: each caller waits until its charge is on the disk.
func BenchmarkDurableCharges(b *testing.B) {
	one := dp.Spend{NanoEpsilon: dp.NanoPerEpsilon}
	layout := statistics.Layout{{
		Name: "sum", Shape: []int{2}, Record: 1, L1: 1, Claim: true, Noise: statistics.LaplacePerReport, Num: 1000, Den: 1,
	}}
	faster(b, pairs, durable, "a bare group-committed append to the same disk, as many callers", "at least 0.8", func() time.Duration {
		s, err := store.Open(b.TempDir(), store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		g, err := guard.New(guard.Limits{User: one, Experiment: one})
		if err == nil {
			err = g.Open("x", guard.Promise{Unit: dp.User, Limit: one, Layout: layout})
		}
		if err != nil {
			b.Fatal(err)
		}
		return timed(func() {
			err := together(func(c, i int) error {
				_, writes, err := g.Admit("x", 0, [16]byte{byte(c)})
				if err != nil {
					return err
				}
				s.Put(writes)
				return s.Sync()
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}, func() time.Duration {
		file, err := os.Create(filepath.Join(b.TempDir(), "appended"))
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		g := newGroup(file)
		return timed(func() {
			record := make([]byte, 80) // as long as a charge's key and value
			err := together(func(c, i int) error {
				return g.append(binary.BigEndian.AppendUint64(record[:72:72], uint64(c*charges+i)))
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	})
}

// group appends the records of many callers with one fsync.
type group struct {
	file *os.File

	mu         sync.Mutex
	changed    sync.Cond
	pending    []byte
	asked      uint64 // batches begun
	done       uint64
	committing bool
	err        error
}

func newGroup(file *os.File) *group {
	g := &group{file: file, asked: 1}
	g.changed.L = &g.mu
	return g
}

// append returns when the record is on the disk. One of those who wait commits for all.
func (g *group) append(record []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pending = append(g.pending, record...)
	mine := g.asked
	for g.done < mine && g.err == nil {
		if g.committing {
			g.changed.Wait()
			continue
		}
		batch, number := g.pending, g.asked
		g.pending, g.committing = nil, true
		g.asked++
		g.mu.Unlock()
		_, err := g.file.Write(batch)
		if err == nil {
			err = g.file.Sync()
		}
		g.mu.Lock()
		g.committing, g.done, g.err = false, number, err
		g.changed.Broadcast()
	}
	return g.err
}

// BenchmarkMillionthCharge: what a charge costs does not grow with what was charged.
func BenchmarkMillionthCharge(b *testing.B) {
	const users = 1000
	open := func(prior int) *budget.UserLimit {
		l, err := budget.NewUserLimit(dp.Spend{NanoEpsilon: 1 << 62})
		if err == nil {
			err = l.Open("x", dp.Spend{NanoEpsilon: 1 << 62})
		}
		if err != nil {
			b.Fatal(err)
		}
		charge(b, l, users, prior)
		return l
	}
	few, many := open(users), open(1_000_000)
	slower(b, millionth, "the thousand after each of 1,000 users was charged once", "at most 1.2",
		func() time.Duration { return timed(func() { charge(b, many, users, 1000) }) },
		func() time.Duration { return timed(func() { charge(b, few, users, 1000) }) })
}

func charge(b *testing.B, l *budget.UserLimit, users, n int) {
	var u budget.User
	for i := range n {
		binary.BigEndian.PutUint64(u[:], uint64(i%users)*0x9e3779b97f4a7c15)
		if err := l.Charge("x", u, dp.Spend{NanoEpsilon: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
