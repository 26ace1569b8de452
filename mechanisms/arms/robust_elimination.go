package arms

// RobustElimination is [Elimination] in one process. It takes a range or a moment.
type RobustElimination struct{ *Solo }

// NewRobustElimination returns the policy. It takes a range or a moment; errors
// name the field.
func NewRobustElimination(p Problem) (*RobustElimination, error) {
	s, err := settingsOf(p)
	if err != nil {
		return nil, err
	}
	e, err := NewElimination(s)
	if err != nil {
		return nil, err
	}
	solo, err := newSolo(e, len(s.Arms), e.forget == nil)
	return &RobustElimination{solo}, err
}
