package schedule

import (
	"fmt"
	"slices"

	posse "github.com/posse-dev/posse"
)

// Exploring reports whether everyone gets the given version (from 1): the first
// minExplore versions, in which contributions are still being estimated.
func Exploring(version, minExplore uint64) bool { return version <= minExplore }

// Overdue returns, by id, the nodes that were granted nothing for at least
// maxStaleness versions, this one included: missed[i] counts the versions since node
// i's last grant. They are granted in addition to the drawn ones. Integers only.
func Overdue(ids []string, missed []uint64, maxStaleness uint64) ([]string, error) {
	if len(ids) != len(missed) {
		return nil, posse.OutOfRange("missed", fmt.Sprint(len(missed)), fmt.Sprintf("one for each of %d nodes", len(ids)), "")
	}
	if maxStaleness == 0 {
		return nil, posse.OutOfRange("maxStaleness", "0", "at least 1", "")
	}
	var out []string
	for i, id := range ids {
		if missed[i] >= maxStaleness {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out, nil
}

// WithOverdue joins drawn and overdue nodes, each once, by id.
func WithOverdue(drawn, overdue []string) []string {
	out := append(slices.Clone(drawn), overdue...)
	slices.Sort(out)
	return slices.Compact(out)
}
