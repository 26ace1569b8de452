package node

import (
	"errors"
	"log/slog"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/node/store"
)

// Config says how a node runs. Dir is required and holds everything that it must
// not lose; the cluster that it joined is in there too.
type Config struct {
	Dir string
	// Guard holds this node's own limits; zero means [DefaultGuard].
	Guard guard.Limits
	// Cost is what taking part in a round is worth to this organisation, and so what
	// it bids: bidding anything else never gains. It is a public number of the
	// operator's and is not computed from data. 0 is allowed.
	Cost incentives.Credits
	// Private allows coordinators at loopback and private addresses.
	Private bool
	// Listen holds the multiaddrs of this node's own host; empty: it only dials.
	Listen []string
	// Catalogue lists the policies that this node can run; nil means
	// [catalogue.Default].
	Catalogue catalogue.Catalogue
	// Noise is the source of everything that protects users. It is a concrete type:
	// a seeded source does not compile here.
	Noise noise.Secure
	// Now is the clock; required. Log receives events; nil discards.
	Now func() time.Time
	Log *slog.Logger
	// Retry is the first delay after a failed call, doubled to a minute with full
	// jitter; 0 means 200 ms.
	Retry time.Duration

	disk store.Options // where tests of this package let the disk fail and the process die
}

// DefaultGuard is ε 2 for a user over all experiments, and 1 in any one.
func DefaultGuard() guard.Limits {
	return guard.Limits{
		User:       dp.Spend{NanoEpsilon: 2 * dp.NanoPerEpsilon},
		Experiment: dp.Spend{NanoEpsilon: dp.NanoPerEpsilon},
	}
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "dir", Message: "dir: required",
			Hint: "give the directory that this node joined with",
		}
	}
	if c.Cost < 0 || c.Cost > 1e12 {
		return c, posse.OutOfRange("cost", c.Cost.String(), "[0, 1e6] credits", "give the cost of one round in credits")
	}
	if c.Guard == (guard.Limits{}) {
		c.Guard = DefaultGuard()
	}
	if c.Catalogue == nil {
		c.Catalogue = catalogue.Default()
	}
	if c.Now == nil {
		return c, errors.New("a node needs a clock")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Retry == 0 {
		c.Retry = 200 * time.Millisecond
	}
	return c, nil
}
