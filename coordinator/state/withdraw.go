package state

import (
	"fmt"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/protocols/possev1"
)

// withdraw records that a node was paid out, outside. The result is what is left to
// it, in micro-credits.
func (t *turn) withdraw(c *possev1.Withdraw) Result {
	n := t.Node(c.GetNode())
	if n == nil {
		return refusal(notFound("node", c.GetNode(), "node"))
	}
	if c.GetMicro() <= 0 {
		return refusal(outOfRange("amount", fmt.Sprint(c.GetMicro()), "above 0 micro-credits"))
	}
	if len(c.GetReference()) > addressMax {
		return refusal(outOfRange("reference", "a long text", fmt.Sprintf("at most %d bytes", addressMax)))
	}
	if err := t.order(books.Order{
		ID: fmt.Sprintf("withdraw/%d", t.index), Kind: books.Withdraw, Party: n.Name, Amount: incentives.Credits(c.GetMicro()),
	}); err != nil {
		return refusal(err)
	}
	t.view = withdrawView{Node: n.Name, Amount: c.GetMicro(), Reference: c.GetReference()}
	return Result{Value: fmt.Sprint(int64(t.book.Balance(books.Payable(n.Name))))}
}
