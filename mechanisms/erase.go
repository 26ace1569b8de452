package mechanisms

import (
	"fmt"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Erase hides a learner's types. It holds the one place where a payload of
// another problem is found out; the error names what was expected.
func Erase[C Context, A Action, F Feedback](l Learner[C, A, F]) Policy {
	return erased[C, A, F]{l}
}

type erased[C Context, A Action, F Feedback] struct{ l Learner[C, A, F] }

func (e erased[C, A, F]) Choose(round Round, c Context, src noise.Source) (Action, float64, error) {
	cc, ok := c.(C)
	if !ok {
		return nil, 0, mismatch[C]("context", c)
	}
	return box(e.l.Choose(round, cc, src))
}

func (e erased[C, A, F]) Observe(round Round, c Context, a Action, f Feedback) error {
	cc, ok := c.(C)
	if !ok {
		return mismatch[C]("context", c)
	}
	aa, ok := a.(A)
	if !ok {
		return mismatch[A]("action", a)
	}
	ff, ok := f.(F)
	if !ok {
		return mismatch[F]("feedback", f)
	}
	return e.l.Observe(round, cc, aa, ff)
}

func (e erased[C, A, F]) Statistics() *statistics.Set { return e.l.Statistics() }
func (e erased[C, A, F]) Local() ([]byte, error)      { return e.l.Local() }

func box[A Action](a A, p float64, err error) (Action, float64, error) {
	if err != nil {
		return nil, 0, err
	}
	return a, p, nil
}

func mismatch[W any](field string, got any) error {
	var want W
	return ErrMismatch(field, fmt.Sprintf("%T", got), fmt.Sprintf("%T", want))
}
