package mechanisms

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/posse-dev/posse"
)

// Params are a policy's own numbers (policy.params of an experiment) by name. A
// name that is absent has the policy's default.
type Params map[string]float64

// Get returns a parameter, or its default where it is absent. Values outside
// [low, high] and NaN are errors that name policy.params.<name>.
func (p Params) Get(name string, standard, low, high float64) (float64, error) {
	x, given := p[name]
	if !given {
		return standard, nil
	}
	if !(x >= low && x <= high) {
		return 0, posse.OutOfRange("policy.params."+name, fmt.Sprint(x), fmt.Sprintf("[%g, %g]", low, high), fmt.Sprintf("%.3g is the default", standard))
	}
	return x, nil
}

// Only refuses a parameter that the policy does not have.
func (p Params) Only(policy string, names ...string) error {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if !slices.Contains(names, name) {
			allowed := strings.Join(names, ", ")
			if allowed == "" {
				allowed = "none"
			}
			return &posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "policy.params." + name, Value: fmt.Sprint(p[name]),
				Allowed: allowed, Message: fmt.Sprintf("policy.params.%s: %s has no such parameter", name, policy), Hint: "remove it",
			}
		}
	}
	return nil
}
