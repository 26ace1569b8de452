package node

import (
	"context"
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

const maxText = 256 // bytes of a pseudonym or key

// tooLong refuses a text of more than maxText bytes.
func tooLong(field, text string) error {
	if len(text) > maxText {
		return posse.OutOfRange(field, "a text that is too long", fmt.Sprintf("at most %d bytes", maxText), "send a shorter one")
	}
	return nil
}

// Decide answers a question from memory, in microseconds, with or without a
// coordinator, and also when the disk is full. The answer is durable lazily: within
// some milliseconds.
func (n *Node) Decide(_ context.Context, q Question) (Answer, error) {
	t, err := n.find(q.Experiment)
	if err != nil {
		return Answer{}, err
	}
	for _, text := range []struct{ field, value string }{{"user", q.User}, {"key", q.Key}} {
		if err := tooLong(text.field, text.value); err != nil {
			return Answer{}, err
		}
	}
	if q.User == "" && t.needsUser() {
		return Answer{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "user", Message: "user: required, since privacy.unit is user",
			Hint: "send a pseudonym that stays the same for one person",
		}
	}
	if q.Context == nil {
		q.Context = mechanisms.None{}
	}
	before := t.desk.Ready()
	d, err := n.decide(t, q)
	if err != nil {
		return Answer{}, err
	}
	if t.desk.Ready() != before {
		n.wake()
	}
	answer := Answer{Decision: d}
	if arm, ok := d.Action.(mechanisms.Arm); ok && int(arm) < len(t.file.Problem.Arms) {
		answer.Arm = t.file.Problem.Arms[arm]
	}
	return answer, nil
}

// decide numbers a decision, makes it and puts its writes, with no other decision
// in between.
func (n *Node) decide(t *taken, q Question) (decision.Decision, error) {
	user := n.keys.Pseudonym(q.User)
	n.deciding.Lock()
	defer n.deciding.Unlock()
	if n.stopped {
		return decision.Decision{}, ErrClosed
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	now := n.nowMS()
	if q.Key != "" {
		if d, ok, err := t.desk.Repeated(now, q.Key, user, q.Context); ok || err != nil {
			return d, err
		}
	}
	number := n.numbers.next
	d, writes, err := t.desk.Decide(now, number, q.Context, func(leaf uint64) (bool, []store.Write, error) {
		return n.guard.Admit(q.Experiment, leaf, user)
	})
	if err != nil {
		return decision.Decision{}, err
	}
	n.numbers.next++
	if q.Key != "" {
		writes = append(writes, t.desk.Remember(now, q.Key, user, q.Context, number, d)...)
	}
	n.store.Put(writes)
	return d, nil
}

// wake lets the follow loop look at the desks at once.
func (n *Node) wake() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// Reward takes the feedback for a decision and returns once it is durable. Feedback
// that the problem does not take is an error and leaves the decision open.
func (n *Node) Reward(_ context.Context, id string, f mechanisms.Feedback) (decision.Outcome, error) {
	number, ok := n.keys.Sequence(id)
	if !ok {
		return decision.Unknown, nil
	}
	for _, t := range n.all() {
		outcome, err := n.reward(t, number, f)
		if err != nil {
			return 0, err
		}
		if outcome == decision.Unknown {
			continue
		}
		if outcome == decision.Accepted || outcome == decision.Duplicate { // the first one may still be on its way to the disk
			if err := n.store.Sync(); err != nil {
				return 0, err
			}
		}
		return outcome, nil
	}
	if n.numbers.lost(number) { // the gaps are those of the start: no lock
		return decision.Lost, nil
	}
	return decision.Late, nil
}

func (n *Node) reward(t *taken, number uint64, f mechanisms.Feedback) (decision.Outcome, error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	outcome, writes, err := t.desk.Reward(n.nowMS(), number, f, func() (budget.Permit, error) {
		n.cfg.Noise.Rekey() // this process may be a copy of another
		return n.guard.PermitRecord(t.file.Name)
	})
	n.store.Put(writes)
	return outcome, err
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
