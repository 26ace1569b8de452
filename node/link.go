package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/wire"
)

// link finds the leader and speaks to it. One goroutine uses it.
type link struct {
	host     *peer.Host
	replicas []string // peer ids
	at       int      // the replica that is thought to lead
	retry    time.Duration
	now      func() time.Time
	failed   int       // failures in a row
	until    time.Time // nothing is sent before
}

func newLink(h *peer.Host, c Cluster, cfg Config) *link {
	l := &link{host: h, retry: cfg.Retry, now: cfg.Now}
	for _, r := range c.Replicas {
		l.replicas = append(l.replicas, r.PeerID)
	}
	return l
}

const (
	maxRetry = time.Minute
	// answerTime is how long a request may stay unanswered. A leader that lives answers
	// a watch within three seconds and everything else as soon as it is committed, so one
	// that died without a word is noticed here. All requests may be sent twice.
	answerTime = 5 * time.Second
)

// errWaits is the answer while a link backs off: nothing was sent.
var errWaits = &posse.Error{
	Code: posse.Unavailable, Reason: "PEER_UNREACHABLE", Message: "the coordinator did not answer a moment ago", Hint: "wait",
}

// call sends one request to the leader as it is known. ok is false when it did
// not get there, also while the link backs off: it is sent again later, with the
// same bytes. A refusal of the leader itself comes back as the error.
func (l *link) call(ctx context.Context, r *possev1.NodeRequest) (answer *possev1.NodeResponse, ok bool, err error) {
	if l.now().Before(l.until) {
		return nil, false, errWaits
	}
	answer = &possev1.NodeResponse{}
	err = l.host.Request(ctx, l.replicas[l.at], wire.Round, r, answer, peer.Limits{
		Request: wire.Report, Answer: wire.Report, Wait: answerTime,
	})
	refusal := answer.GetRefusal()
	if err == nil && refusal != nil {
		err = &posse.Error{
			Code: posse.Code(refusal.GetCode()), Reason: refusal.GetReason(), Field: refusal.GetField(), Value: refusal.GetLeader(),
			Allowed: refusal.GetAllowed(), Message: refusal.GetMessage(), Hint: refusal.GetHint(),
		}
	}
	var e *posse.Error
	switch {
	case err == nil:
		l.failed, l.until = 0, time.Time{}
		return answer, true, nil
	case !errors.As(err, &e) || e.Code == posse.Unavailable:
		l.elsewhere(e)
		l.fail()
		l.obey(refusal)
		return nil, false, err
	default:
		l.obey(refusal)
		return nil, true, err
	}
}

// found is what a watch has learnt: who leads, and that it answers.
func (l *link) found(at int) { l.at, l.failed, l.until = at, 0, time.Time{} }

// elsewhere turns to the replica that the refusal names as leader, or to the next.
func (l *link) elsewhere(e *posse.Error) {
	if e != nil && e.Reason == "NO_LEADER" {
		for i, id := range l.replicas {
			if id == e.Value && i != l.at {
				l.at = i
				return
			}
		}
	}
	l.at = (l.at + 1) % len(l.replicas)
}

// fail sets how long the link is silent: full jitter over a delay that doubles, so
// that a thousand nodes do not come back in one second.
func (l *link) fail() {
	l.failed++
	limit := min(maxRetry, l.retry<<min(l.failed-1, 20))
	l.until = l.now().Add(time.Duration(rand.Int64N(int64(limit) + 1)))
}

// obey waits as long as the leader asked for, up to a minute.
func (l *link) obey(r *possev1.Refusal) {
	if ms := r.GetRetryAfterMs(); ms > 0 {
		if until := l.now().Add(min(maxRetry, time.Duration(ms)*time.Millisecond)); until.After(l.until) {
			l.until = until
		}
	}
}

// pause waits until the link may speak again.
func (l *link) pause(ctx context.Context) {
	timer := time.NewTimer(l.until.Sub(l.now()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
