package peer

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/posse-dev/posse/protocols/wire"
)

// Refusals counts refused joins, so that invites cannot be guessed: after five a
// minute from one address prefix, or a hundred in all, the next are refused
// unread. The zero value is not valid; use [NewRefusals]. It is safe for
// concurrent use.
type Refusals struct {
	now      func() time.Time
	mu       sync.Mutex
	total    *rate.Limiter
	prefixes map[string]*rate.Limiter
}

// NewRefusals returns a count of nothing on this clock.
func NewRefusals(now func() time.Time) *Refusals {
	return &Refusals{now: now, total: minutely(wire.JoinFailuresTotal), prefixes: map[string]*rate.Limiter{}}
}

func minutely(n int) *rate.Limiter {
	return rate.NewLimiter(rate.Every(time.Minute/time.Duration(n)), n)
}

// Barred reports whether a join from the prefix, as [Prefix] returns it, must be
// refused unread.
func (r *Refusals) Barred(prefix string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	mine := r.prefixes[prefix]
	return r.total.TokensAt(now) < 1 || mine != nil && mine.TokensAt(now) < 1
}

// Refuse counts a refused join from the prefix.
func (r *Refusals) Refuse(prefix string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.total.AllowN(now, 1)
	mine := r.prefixes[prefix]
	if mine == nil {
		if len(r.prefixes) >= wire.Prefixes {
			for p, l := range r.prefixes { // whoever has its full count back is forgotten
				if l.TokensAt(now) >= wire.JoinFailuresPrefix {
					delete(r.prefixes, p)
				}
			}
		}
		mine = minutely(wire.JoinFailuresPrefix)
		r.prefixes[prefix] = mine // at most 100 a minute come here: the table stays small
	}
	mine.AllowN(now, 1)
}
