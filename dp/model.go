package dp

import (
	"strconv"
	"strings"

	"github.com/posse-dev/posse"
)

// Model says who is trusted with what: where the noise is added. The zero value
// is not valid.
type Model uint8

// The privacy models, from the least trust to the most.
const (
	Local       Model = iota + 1 // noise in each record, nobody sees a raw reward
	Silo                         // noise by the node in each report
	Central                      // noise by the leader, once, in the aggregate
	Distributed                  // noise by each of two aggregators that see shares only
)

const modelWords = "local, silo, central, distributed"

// String returns the word of the experiment file, or "model(N)" for a value that
// is not valid.
func (m Model) String() string {
	switch m {
	case Local:
		return "local"
	case Silo:
		return "silo"
	case Central:
		return "central"
	case Distributed:
		return "distributed"
	}
	return "model(" + strconv.Itoa(int(m)) + ")"
}

// Valid reports whether m is one of the four models.
func (m Model) Valid() bool { return m >= Local && m <= Distributed }

// ParseModel reads the word of an experiment file, in lower case and without
// spaces. The error names privacy.model and lists the words.
func ParseModel(text string) (Model, error) {
	for m := Local; m <= Distributed; m++ {
		if m.String() == text {
			return m, nil
		}
	}
	return 0, unknownWord("privacy.model", text, modelWords)
}

// MarshalText returns [Model.String]; a value that is not valid is an error.
func (m Model) MarshalText() ([]byte, error) {
	if !m.Valid() {
		return nil, unknownWord("privacy.model", m.String(), modelWords)
	}
	return []byte(m.String()), nil
}

// UnmarshalText is [ParseModel].
func (m *Model) UnmarshalText(text []byte) error {
	parsed, err := ParseModel(string(text))
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

// unknownWord is the error for a word that is not in a closed list.
func unknownWord(field, got, allowed string) *posse.Error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: field,
		Value: quoted(got), Allowed: allowed,
		Message: field + " is not one of its words",
	}
}

// quoted is text as errors show it. Long input is cut: it is somebody's text and may
// be anything.
func quoted(text string) string {
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "…"
	}
	return strconv.Quote(text)
}
