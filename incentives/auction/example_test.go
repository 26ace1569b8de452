package auction_test

import (
	"fmt"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/auction"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

func ExampleSettle() {
	rule := auction.Rule{Prior: statistics.Counts(1, 1), Coverage: 0.85, Reserve: 50 * incentives.Credit}
	outcome, err := auction.Settle(rule, []incentives.Offer{
		{Node: "north", Bid: 4 * incentives.Credit, Information: statistics.Counts(9, 0)},
		{Node: "south", Bid: 5 * incentives.Credit, Information: statistics.Counts(0, 9)},
		{Node: "west", Bid: 6 * incentives.Credit, Information: statistics.Counts(9, 0)},
	})
	fmt.Println(err)
	fmt.Println(outcome.Winners, "north is paid", outcome.Payments["north"], "as", outcome.SetBy["north"], "asks it for the same")
	fmt.Println("pivotal:", outcome.Pivotal)
	// Output:
	// <nil>
	// [north south] north is paid 6 as west asks it for the same
	// pivotal: [south]
}
