package dp

import "strconv"

// Relation says which two data sets a guarantee compares. Two relations are never
// composed. The zero value is not valid.
type Relation uint8

const (
	// ZeroOut compares a data set with the one in which a unit adds nothing to
	// any sum while every public clock (decisions made, slots of a quota) ticks
	// on as before; 'remove' in files. Taking the event away altogether would
	// move each later record one slot on, and no claim of parallel composition
	// over epochs would hold.
	ZeroOut Relation = iota + 1
	// Replace compares data sets that differ in the value of one unit. It costs
	// at most two ZeroOut steps (group privacy).
	Replace
)

const relationWords = "remove, replace"

// String returns "remove" or "replace", or "relation(N)" for a value that is not
// valid.
func (r Relation) String() string {
	switch r {
	case ZeroOut:
		return "remove"
	case Replace:
		return "replace"
	}
	return "relation(" + strconv.Itoa(int(r)) + ")"
}

// Valid reports whether r is one of the two relations.
func (r Relation) Valid() bool { return r == ZeroOut || r == Replace }

// ParseRelation reads "remove" or "replace".
func ParseRelation(text string) (Relation, error) {
	switch text {
	case "remove":
		return ZeroOut, nil
	case "replace":
		return Replace, nil
	}
	return 0, unknownWord("neighbours", text, relationWords)
}

// MarshalText returns [Relation.String]; a value that is not valid is an error.
func (r Relation) MarshalText() ([]byte, error) {
	if !r.Valid() {
		return nil, unknownWord("neighbours", r.String(), relationWords)
	}
	return []byte(r.String()), nil
}

// UnmarshalText is [ParseRelation].
func (r *Relation) UnmarshalText(text []byte) error {
	parsed, err := ParseRelation(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}
