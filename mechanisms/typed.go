package mechanisms

// Typed returns the learner that [Erase] hid, and whether it has these types: a
// simulation calls it a hundred million times and can't pay for erasing.
func Typed[C Context, A Action, F Feedback](p Policy) (Learner[C, A, F], bool) {
	e, ok := p.(erased[C, A, F])
	return e.l, ok
}
