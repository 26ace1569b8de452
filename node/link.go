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

// link finds the leader and speaks to it. Only the follow loop uses it.
type link struct {
	host     *peer.Host
	replicas []string // peer ids
	at       int      // the replica that is thought to lead
	retry    time.Duration
	failed   int // failures in a row
}

func newLink(h *peer.Host, c Cluster, cfg Config) *link {
	l := &link{host: h, retry: cfg.Retry}
	for _, r := range c.Replicas {
		l.replicas = append(l.replicas, r.PeerID)
	}
	return l
}

const (
	maxRetry  = time.Minute
	watchTime = 10 * time.Second
)

// call sends one request to the leader as it is known. ok is false when it did
// not get there: the caller waits ([link.pause]) and tries again, with the same
// bytes. A refusal of the leader itself comes back as the error.
func (l *link) call(ctx context.Context, r *possev1.NodeRequest, wait time.Duration) (answer *possev1.NodeResponse, ok bool, err error) {
	answer = &possev1.NodeResponse{}
	err = l.host.Request(ctx, l.replicas[l.at], wire.Round, r, answer, peer.Limits{
		Request: wire.Report, Answer: wire.Report, Wait: wait,
	})
	if refusal := answer.GetRefusal(); err == nil && refusal != nil {
		err = &posse.Error{
			Code: posse.Code(refusal.GetCode()), Reason: refusal.GetReason(), Field: refusal.GetField(), Value: refusal.GetLeader(),
			Allowed: refusal.GetAllowed(), Message: refusal.GetMessage(), Hint: refusal.GetHint(),
		}
	}
	if err == nil {
		l.failed = 0
		return answer, true, nil
	}
	var e *posse.Error
	if !errors.As(err, &e) || e.Code == posse.Unavailable {
		l.elsewhere(e)
		return nil, false, err
	}
	return nil, true, err
}

// elsewhere turns to the replica that the refusal names as leader, or to the next.
func (l *link) elsewhere(e *posse.Error) {
	l.failed++
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

// pause waits before the next try: full jitter over a doubling delay, so that a
// thousand nodes do not come back in one second.
func (l *link) pause(ctx context.Context) {
	limit := min(maxRetry, l.retry<<min(l.failed, 20))
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(limit) + 1)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
