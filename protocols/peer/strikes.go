package peer

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// A peer that sends three malformed messages within a minute is kept out for a
// minute; each further time doubles it, up to an hour (distributed.md 5.5).
const (
	strikesAllowed = 3
	strikesWindow  = time.Minute
	banFirst       = time.Minute
	banLongest     = time.Hour
	strikesPeers   = 4096 // peers remembered
)

type strikes struct {
	now func() time.Time
	mu  sync.Mutex
	all map[peer.ID]*record
}

type record struct {
	recent []time.Time
	ban    time.Duration // length of the last one
	until  time.Time
}

func newStrikes(now func() time.Time) *strikes {
	return &strikes{now: now, all: map[peer.ID]*record{}}
}

// strike records a malformed message and reports whether the peer is out now.
func (s *strikes) strike(id peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	r := s.all[id]
	if r == nil {
		if len(s.all) >= strikesPeers {
			s.forget(now)
		}
		r = &record{}
		s.all[id] = r
	}
	recent := r.recent[:0]
	for _, t := range r.recent {
		if now.Sub(t) < strikesWindow {
			recent = append(recent, t)
		}
	}
	r.recent = append(recent, now)
	if len(r.recent) < strikesAllowed {
		return false
	}
	r.recent = nil
	r.ban = min(max(banFirst, 2*r.ban), banLongest)
	r.until = now.Add(r.ban)
	return true
}

// banned reports whether the peer is kept out.
func (s *strikes) banned(id peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.all[id]
	return r != nil && s.now().Before(r.until)
}

// forget drops the peers that are not out, and everybody when that frees nothing:
// a full table must not grow, and only enrolled peers can be in it.
func (s *strikes) forget(now time.Time) {
	for id, r := range s.all {
		if !now.Before(r.until) {
			delete(s.all, id)
		}
	}
	if len(s.all) >= strikesPeers {
		clear(s.all)
	}
}
