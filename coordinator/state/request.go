package state

import "github.com/posse-dev/posse/protocols/possev1"

// request is a command with an id, remembered with its result. Commands of a round
// carry none: their round, phase and node are their id, see round commands.
type request struct {
	ID      [16]byte
	Kind    string
	Command uint64 // the number of the command
	Now     int64
	Value   string
}

// A request is remembered for as long as either holds. Source: distributed 4.2.
const (
	requestCommands = 100_000
	requestMs       = 24 * 60 * 60 * 1000
)

// repeated returns the stored result of a command that was applied before.
func (s *State) repeated(c *possev1.Command, kind string) (Result, bool) {
	if len(c.GetRequestId()) == 0 {
		return Result{}, false
	}
	r := s.byID[[16]byte(c.GetRequestId())]
	if r == nil {
		return Result{}, false
	}
	if r.Kind != kind {
		return refusal(conflict("request_id", "another command was applied under this id")), true
	}
	return Result{Value: r.Value, Duplicate: true}, true
}

// remember keeps the result of an accepted command and forgets the old ones.
func (s *State) remember(c *possev1.Command, kind, value string) {
	if len(c.GetRequestId()) == 0 {
		return
	}
	r := &request{ID: [16]byte(c.GetRequestId()), Kind: kind, Command: s.Commands, Now: s.Now, Value: value}
	s.requests = append(s.requests, r)
	s.byID[r.ID] = r
	for len(s.requests) > 0 {
		old := s.requests[0]
		if s.Commands-old.Command < requestCommands || s.Now-old.Now < requestMs {
			return
		}
		s.requests = s.requests[1:]
		delete(s.byID, old.ID)
	}
}
