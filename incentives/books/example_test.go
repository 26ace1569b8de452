package books_test

import (
	"fmt"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
)

func ExampleBook_Apply() {
	book := books.New()
	reserve := incentives.AnnouncedReserve(40*incentives.Credit, 100*incentives.Credit, 3)
	for _, order := range []books.Order{
		{ID: "1", Kind: books.Fund, Experiment: "dosing", Party: "operator", Amount: 100 * incentives.Credit},
		{ID: "2", Kind: books.OpenRound, Experiment: "dosing", Round: 1, Amount: reserve, Nodes: 3},
		{ID: "3", Kind: books.Settle, Experiment: "dosing", Round: 1, Payments: []books.Payment{{Node: "north", Amount: 6 * incentives.Credit, Bid: 4 * incentives.Credit}}},
		{ID: "4", Kind: books.Publish, Experiment: "dosing", Round: 1, Delivered: []string{"north"}},
	} {
		if _, err := book.Apply(order); err != nil {
			fmt.Println(err)
		}
	}
	for _, balance := range book.Balances() {
		fmt.Println(balance.Account, balance.Amount)
	}
	// Output:
	// experiment:dosing:budget 94
	// external:operator -100
	// node:north:payable 6
}
