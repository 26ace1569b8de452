package contribution_test

import (
	"fmt"

	"github.com/posse-dev/posse/incentives/contribution"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

func ExampleShapley() {
	prior := statistics.Counts(1, 1)
	values, err := contribution.Shapley(prior, []statistics.Information{
		statistics.Counts(9, 0), statistics.Counts(9, 0), statistics.Counts(0, 9),
	})
	fmt.Printf("%.4f %v\n", values, err)
	// Output: [1.4722 1.4722 2.3026] <nil>
}
