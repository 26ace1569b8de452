package state

import (
	"fmt"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/possev1"
)

// CommandVersion is the newest version of commands that this program applies.
const CommandVersion = 1

// Result is what became of a command. Err, when not nil, says why it was refused:
// then nothing changed but the applied index.
type Result struct {
	Err       *posse.Error
	Duplicate bool   // the command had been applied before; Value is that of then
	Value     string // what the caller asked for: a name, an amount, "exhausted"
	Kind      string // of the command, as leaves spell it: "open_round"
	Items     []Item // one for each offer or report of a batch, in its order
	Sequence  uint64 // of Leaf
	Leaf      []byte // the leaf that was appended to the transparency log, nil when none was
	halt      error
}

// Item is what became of one offer or report of a batch.
type Item struct {
	Node      string
	Err       *posse.Error // nil: recorded
	Duplicate bool         // it had been recorded before
}

// Halt returns why the replica must stop before it goes on, or nil: a command that
// a newer version wrote, books that do not balance, or a state that is not the
// leader's. It is what package consensus asks every result for.
func (r Result) Halt() error { return r.halt }

// Error returns why the command was refused, nil when it was not.
func (r Result) Error() error {
	if r.Err == nil {
		return nil
	}
	return r.Err
}

func refusal(err error) Result { return Result{Err: posse.As(err)} }

// newer is the halt for what this program does not understand.
func newer(index uint64, what string) Result {
	err := &posse.Error{
		Code: posse.FailedPrecondition, Reason: "VERSION_UNSUPPORTED", Field: what,
		Allowed: fmt.Sprintf("command version %d", CommandVersion),
		Message: fmt.Sprintf("log entry %d needs a newer version of this program", index),
		Hint:    "install the version that the other replicas run, then start again",
	}
	return Result{Err: err, halt: err}
}

func diverged(index uint64) Result {
	err := &posse.Error{
		Code: posse.FailedPrecondition, Reason: "STATE_DIVERGED", Field: "state",
		Message: fmt.Sprintf("state diverged at index %d: this replica must not go on", index),
		Hint:    "keep its directory for inspection, and join as a new replica in another",
	}
	return Result{Err: err, halt: err}
}

func malformed(field, value, allowed string) *posse.Error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "MALFORMED", Field: field, Value: value, Allowed: allowed,
		Message: field + " is malformed",
	}
}

func outOfRange(field, value, allowed string) *posse.Error {
	return posse.OutOfRange(field, value, allowed, "")
}

// UnknownExperiment is the refusal of what names an experiment that is not here.
func UnknownExperiment(name string) *posse.Error {
	return &posse.Error{
		Code: posse.NotFound, Reason: "WRONG_EXPERIMENT", Field: "experiment", Value: printable(name),
		Message: "there is no experiment of this name", Hint: "`posse experiment list` shows those that there are",
	}
}

func closedExperiment(e *Experiment) *posse.Error {
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: "EXPERIMENT_CLOSED", Field: "experiment", Value: e.Name,
		Message: "the experiment is closed", Hint: "create a new one under another name",
	}
}

// roundClosed is the answer to what comes too late or too early for a round.
func roundClosed(e *Experiment, round uint64, wants string) *posse.Error {
	now := "there is no open round"
	if r := e.Round; r != nil {
		now = fmt.Sprintf("round %d is %s", r.ID, phaseName(r.Phase))
	}
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: "ROUND_CLOSED", Field: "round", Value: fmt.Sprint(round), Allowed: wants,
		Message: fmt.Sprintf("round %d of %s takes no such thing now: %s", round, e.Name, now),
		Hint:    "ask for the state of the experiment again",
	}
}

func phaseName(p Phase) string {
	switch p {
	case Offering:
		return "taking offers"
	case Collecting:
		return "collecting reports"
	case Published:
		return "published"
	case Aborted:
		return "aborted"
	default:
		return possev1.RoundPhase_name[int32(p)]
	}
}

func conflict(field, what string) *posse.Error {
	return &posse.Error{
		Code: posse.AlreadyExists, Reason: "CONFLICT", Field: field,
		Message: what, Hint: "the first one counts",
	}
}

// printable cuts what a stranger may have chosen to what an error may show.
func printable(text string) string {
	return fmt.Sprintf("%q", text[:min(len(text), 64)])
}
