package node

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node/decision"
	"github.com/posse-dev/posse/node/store"
)

// Question is what an application asks. User is a pseudonym, needed where
// privacy.unit is user; the same Key gets the same answer for a day. A nil Context
// means that the problem has none.
type Question struct {
	Experiment, User, Key string
	Context               mechanisms.Context
}

// Answer is a decision. Arm is the name of the arm where the problem has arms.
type Answer struct {
	decision.Decision
	Arm string
}

// repeat remembers what a key was answered.
type repeat struct {
	answer Answer
	until  int64 // Unix milliseconds
}

const (
	maxText    = 256
	repeatTime = 24 * 3600 * 1000 // ms that a key's answer is kept
)

// Decide answers a question from memory, in microseconds, with or without a
// coordinator. The answer is durable lazily: within some milliseconds.
func (n *Node) Decide(_ context.Context, q Question) (Answer, error) {
	t, err := n.find(q.Experiment)
	if err != nil {
		return Answer{}, err
	}
	if len(q.User) > maxText || len(q.Key) > maxText {
		return Answer{}, posse.OutOfRange("user", "a text that is too long", fmt.Sprintf("at most %d bytes", maxText), "send a shorter pseudonym or key")
	}
	if q.User == "" && t.needsUser() {
		return Answer{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "user", Message: "user: required, since privacy.unit is user",
			Hint: "send a pseudonym that stays the same for one person",
		}
	}
	now := n.nowMS()
	key := repeatKey(q)
	if q.Key != "" {
		n.mu.RLock()
		r, ok := n.repeats[key]
		n.mu.RUnlock()
		if ok && r.until > now {
			return r.answer, nil
		}
	}
	c := q.Context
	if c == nil {
		c = mechanisms.None{}
	}
	user := n.keys.Pseudonym(q.User)
	before := t.desk.Ready()
	d, writes, err := t.desk.Decide(now, n.numbers.take(), user, c, func(leaf uint64) (bool, []store.Write, error) {
		return n.guard.Admit(q.Experiment, leaf, user)
	})
	if err != nil {
		return Answer{}, err
	}
	n.store.Put(writes)
	if t.desk.Ready() != before {
		select {
		case n.kick <- struct{}{}:
		default:
		}
	}
	answer := Answer{Decision: d}
	if arm, ok := d.Action.(mechanisms.Arm); ok && int(arm) < len(t.file.Problem.Arms) {
		answer.Arm = t.file.Problem.Arms[arm]
	}
	if q.Key != "" {
		n.remember(key, repeat{answer, now + repeatTime}, now)
	}
	return answer, nil
}

func repeatKey(q Question) (out [16]byte) {
	sum := sha256.Sum256([]byte(q.Experiment + "\x00" + q.Key))
	copy(out[:], sum[:])
	return out
}

// maxRepeats bounds the keys that are remembered.
const maxRepeats = 1 << 20

func (n *Node) remember(key [16]byte, r repeat, now int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.repeats) >= maxRepeats {
		for k, old := range n.repeats {
			if old.until <= now {
				delete(n.repeats, k)
			}
		}
		if len(n.repeats) >= maxRepeats {
			return // the key is answered anew: a second decision, never a wrong one
		}
	}
	n.repeats[key] = r
}

// Reward takes the feedback for a decision and returns once it is durable. Feedback
// that the problem does not take is an error and leaves the decision open.
func (n *Node) Reward(_ context.Context, id string, f mechanisms.Feedback) (decision.Outcome, error) {
	number, ok := n.keys.Sequence(id)
	if !ok {
		return decision.Unknown, nil
	}
	now := n.nowMS()
	n.mu.RLock()
	all := make([]*taken, 0, len(n.order))
	for _, name := range n.order {
		all = append(all, n.experiments[name])
	}
	n.mu.RUnlock()
	for _, t := range all {
		outcome, writes, err := t.desk.Reward(now, number, f, func(user [16]byte) (budget.Permit, error) {
			return n.guard.PermitRecord(t.file.Name, user)
		})
		if err != nil {
			return 0, err
		}
		if outcome == decision.Unknown {
			continue
		}
		n.store.Put(writes)
		if len(writes) > 0 || outcome == decision.Duplicate {
			if err := n.store.Sync(); err != nil {
				return 0, err
			}
		}
		return outcome, nil
	}
	if n.numbers.lost(number) {
		return decision.Lost, nil
	}
	return decision.Late, nil
}

// Message says what an outcome means and what to do, for the application.
func Message(o decision.Outcome) string {
	switch o {
	case decision.Accepted:
		return "the reward is durable"
	case decision.Duplicate:
		return "this reward was taken before; nothing to do"
	case decision.Conflict:
		return "this decision has another reward already; the first one counts"
	case decision.Late:
		return "the reward came after reward.deadline and is not counted"
	case decision.Lost:
		return "the node stopped before this decision was durable; go on with the next one"
	case decision.Closed:
		return "the experiment is closed; nothing to do"
	default:
		return "this node never gave that decision id; check where the reward is sent"
	}
}
