package dp

import "strconv"

// Unit is what a guarantee protects. The zero value is not valid.
type Unit uint8

const (
	// Reward protects one record: one decision with its context, arm and reward.
	Reward Unit = iota + 1
	// User protects all records of one pseudonym at one node together; it needs
	// a bound on her records, enforced before anything is summed.
	User
)

const unitWords = "reward, user"

// String returns the word of the experiment file, or "unit(N)" for a value that
// is not valid.
func (u Unit) String() string {
	switch u {
	case Reward:
		return "reward"
	case User:
		return "user"
	}
	return "unit(" + strconv.Itoa(int(u)) + ")"
}

// Valid reports whether u is one of the two units.
func (u Unit) Valid() bool { return u == Reward || u == User }

// ParseUnit reads the word of an experiment file. The error names privacy.unit.
func ParseUnit(text string) (Unit, error) {
	switch text {
	case "reward":
		return Reward, nil
	case "user":
		return User, nil
	}
	return 0, unknownWord("privacy.unit", text, unitWords)
}

// MarshalText returns [Unit.String]; a value that is not valid is an error.
func (u Unit) MarshalText() ([]byte, error) {
	if !u.Valid() {
		return nil, unknownWord("privacy.unit", u.String(), unitWords)
	}
	return []byte(u.String()), nil
}

// UnmarshalText is [ParseUnit].
func (u *Unit) UnmarshalText(text []byte) error {
	parsed, err := ParseUnit(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}
