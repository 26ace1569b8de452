package incentives

import "github.com/posse-dev/posse/mechanisms/statistics"

// Offer is a node's answer to an open round. Node is the node's id, unique in the
// round. Bid is the price at which the node is willing to be chosen, failure
// included, in [0, MaxCredits]. Information is what its report would add: privatised,
// never exact, since winners and payments are published functions of it.
//
// A bid must be computed from public values and already released statistics only; it
// is not privatised and would carry whatever it was computed from.
type Offer struct {
	Node        string
	Bid         Credits
	Information statistics.Information
}
