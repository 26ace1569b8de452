package books

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	posse "github.com/posse-dev/posse"
)

// Account is the name of an account, its parts separated by colons. The functions
// below spell all there are.
type Account string

// Settlement is what was paid out to nodes, outside; only Withdraw adds to it.
const Settlement Account = "external:settlement"

// Sponsor is money that came in (negative) from a sponsor, or from a node that made a
// deposit. It is the only kind of account that may be negative.
func Sponsor(name string) Account { return Account("external:" + name) }

// Budget is an experiment's free money.
func Budget(experiment string) Account { return Account("experiment:" + experiment + ":budget") }

// Escrow is what is held for an open round of an experiment.
func Escrow(experiment string, round uint64) Account {
	return Account("experiment:" + experiment + ":escrow:" + strconv.FormatUint(round, 10))
}

// Penalties is what an experiment's nodes forfeited; it returns to the sponsors.
func Penalties(experiment string) Account { return Account("experiment:" + experiment + ":penalties") }

// Payable is what a node has earned and not withdrawn.
func Payable(node string) Account { return Account("node:" + node + ":payable") }

// Deposit is a node's security.
func Deposit(node string) Account { return Account("node:" + node + ":deposit") }

// mayBeNegative reports whether the account stands for the world outside.
func (a Account) mayBeNegative() bool {
	return a != Settlement && strings.HasPrefix(string(a), "external:")
}

// escrowOf reports whether a is an escrow, and of which experiment and round.
func (a Account) escrowOf() (experiment string, round uint64, ok bool) {
	parts := strings.Split(string(a), ":")
	if len(parts) != 4 || parts[0] != "experiment" || parts[2] != "escrow" {
		return "", 0, false
	}
	round, err := strconv.ParseUint(parts[3], 10, 64)
	return parts[1], round, err == nil
}

// maxName bounds names in accounts and ids of orders, in bytes.
const maxName = 256

// checkName refuses what could be mistaken for another account or could not be
// printed: empty, over 256 bytes, colons, spaces, control characters, bad UTF-8.
func checkName(field, name string) error {
	bad := name == "" || len(name) > maxName || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return r == ':' || unicode.IsSpace(r) || !unicode.IsPrint(r) })
	if bad {
		return posse.OutOfRange(field, strconv.Quote(name[:min(len(name), 64)]), "1 to 256 printable bytes without colons and spaces", "")
	}
	return nil
}
