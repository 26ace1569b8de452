package policytest

import (
	"fmt"
	"testing"
)

// Violation is a rule that a policy broke.
type Violation struct {
	Rule string // what must hold
	Why  string // what breaks elsewhere when it does not
	Got  string // what the policy did
}

// String says it in one line.
func (v Violation) String() string { return fmt.Sprintf("%s (%s): %s", v.Rule, v.Why, v.Got) }

// violations gathers what was found; at most one of a rule, the first.
type violations []Violation

func (v *violations) add(rule, why, got string, args ...any) {
	for _, known := range *v {
		if known.Rule == rule {
			return
		}
	}
	*v = append(*v, Violation{rule, why, fmt.Sprintf(got, args...)})
}

func report(t *testing.T, found []Violation) {
	t.Helper()
	for _, v := range found {
		t.Error(v)
	}
}
