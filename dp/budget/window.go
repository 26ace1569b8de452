package budget

import (
	"sync"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// Windows is a lifetime limit with a smaller limit for each window of time. A spend
// passes both or is refused; a new window gives its limit anew, the lifetime never
// does. The caller numbers the windows by its clock; a number below the highest seen
// counts as the highest, so that a clock going back reopens nothing.
//
// It bounds what a unit that lives through all windows loses by the lifetime limit,
// and what one that lives in one window loses by that window's. Safe for concurrent
// use; the zero value is not valid.
type Windows struct {
	lifetime, window rule
	whose            string

	mu    sync.Mutex
	state WindowState
}

// WindowState is what Windows remembers.
type WindowState struct {
	Window   uint64   // the highest seen
	InWindow dp.Spend // spent in it
	Lifetime dp.Spend // spent in all
}

// NewWindows returns limits with nothing spent. window must not exceed lifetime.
func NewWindows(kind Kind, lifetime, window dp.Spend, whose string) (*Windows, error) {
	l, err := newRule(kind, lifetime)
	if err != nil {
		return nil, err
	}
	w, err := newRule(kind, window)
	if err != nil {
		return nil, err
	}
	if window.Exceeds(lifetime) {
		return nil, posse.OutOfRange("privacy.window.epsilon", window.String(), "at most "+lifetime.String(), "")
	}
	return &Windows{lifetime: l, window: w, whose: whose}, nil
}

// Charge records spend in window and in the lifetime and returns the permit, or
// records nothing: [ErrExhausted] is behind the error when either limit would be
// exceeded, and its [Refusal] says which. A refused charge leaves the highest window
// as it was.
func (w *Windows) Charge(window uint64, spend dp.Spend) (Permit, error) {
	cost, err := w.lifetime.cost(spend)
	if err != nil {
		return Permit{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	next := w.state
	if window > next.Window {
		next.Window, next.InWindow = window, dp.Spend{}
	}
	for _, step := range []struct {
		rule  rule
		spent *dp.Spend
		whose string
	}{
		{w.lifetime, &next.Lifetime, w.whose + " over its lifetime"},
		{w.window, &next.InWindow, w.whose + " in this window"},
	} {
		sum, ok := step.rule.add(*step.spent, cost)
		if !ok {
			return Permit{}, exhausted(Refusal{Whose: step.whose, Limit: step.rule.limit, Spent: *step.spent, Asked: cost})
		}
		*step.spent = sum
	}
	w.state = next
	return newPermit(spend), nil
}

// Restore sets what was spent before a restart, unless it is more already.
func (w *Windows) Restore(state WindowState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case state.Window > w.state.Window:
		w.state.Window, w.state.InWindow = state.Window, state.InWindow
	case state.Window == w.state.Window:
		w.state.InWindow = w.state.InWindow.Max(state.InWindow)
	}
	w.state.Lifetime = w.state.Lifetime.Max(state.Lifetime)
}

// State returns what to write down.
func (w *Windows) State() WindowState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}
