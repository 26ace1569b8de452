package consensus

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// followers is what the leader heard of each follower.
type followers struct {
	now func() time.Time
	mu  sync.Mutex
	all map[string]answer
}

// answer is the last one of a follower.
type answer struct {
	at   time.Time
	term uint64
	last uint64 // its last index
}

func newFollowers(now func() time.Time) *followers {
	return &followers{now: now, all: map[string]answer{}}
}

func (f *followers) heard(id string, a *raft.AppendEntriesResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all[id] = answer{at: f.now(), term: a.Term, last: a.LastLog}
}

func (f *followers) of(id string) (answer, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.all[id]
	return a, ok
}
