package rounds

import (
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/protocols/possev1"
)

// Event is something that happened: [Tick], [Seen], [ReadyCame], [OfferCame],
// [ReportCame], [Committed], [Changed].
type Event interface{ event() }

type (
	// Tick is time passing.
	Tick struct{}
	// Changed is a new state that this leader did not propose itself: an experiment
	// was applied, a node enrolled.
	Changed struct{}
	// Seen is a sign of life: the node asked for something.
	Seen struct{ Node string }
	// ReadyCame is a node's public clock: decisions in whole windows so far.
	ReadyCame struct {
		Node, Experiment string
		Decisions        uint64
	}
	// OfferCame is a signed offer; one without leaves declines the round. Ticket comes
	// back in an [Answer].
	OfferCame struct {
		Node   string
		Signed *possev1.SignedOffer
		Ticket uint64
	}
	// ReportCame is a signed report.
	ReportCame struct {
		Node   string
		Signed *possev1.SignedReport
		Ticket uint64
	}
	// Committed is what became of a proposal: a result, or an error whose outcome
	// the state will tell.
	Committed struct {
		Proposal uint64
		Result   state.Result
		Err      error
	}
)

func (Tick) event()       {}
func (Changed) event()    {}
func (Seen) event()       {}
func (ReadyCame) event()  {}
func (OfferCame) event()  {}
func (ReportCame) event() {}
func (Committed) event()  {}

// Effect is something to do: [Propose], [Answer].
type Effect interface{ effect() }

type (
	// Propose commits a command. The caller sets its time, and tells the outcome in a
	// [Committed] with the same number.
	Propose struct {
		Proposal uint64
		Command  *possev1.Command
	}
	// Answer replies to an offer or a report: recorded (again), or refused.
	Answer struct {
		Ticket    uint64
		Duplicate bool
		Err       error
	}
)

func (Propose) effect() {}
func (Answer) effect()  {}
