package statistics_test

import (
	"fmt"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// A node's report: records are added exactly, charged, and leave with noise.
func ExampleLayout_Release() {
	layout := statistics.Layout{{
		Name: "sum", Shape: []int{2}, Scale: 4, Record: 16, L1: 16, L2Squared: 256,
		Noise: statistics.LaplacePerReport, Num: 16, Den: 1,
	}}
	raw := layout.Empty()
	q, _ := statistics.FixedPoint(0.75, 1, 4)
	record := []statistics.Increment{{Block: 0, Cell: 1, Value: q}}
	if err := layout.Enforce(record); err != nil {
		fmt.Println(err)
		return
	}
	_ = raw.Add(record)

	if _, err := layout.Release(raw, budget.Permit{}, noise.Secure{}); err != nil {
		fmt.Println("without a permit:", err)
	}
	filter, _ := budget.NewFilter(budget.Pure, dp.Spend{NanoEpsilon: dp.NanoPerEpsilon}, "the report")
	cost, _ := layout.RecordSpend()
	permit, _ := filter.Charge(cost)
	noised, err := layout.Release(raw, permit, noise.Secure{}) // a node takes no other source
	fmt.Println("raw", raw.Block("sum"), "cost", cost, "noised cells", len(noised.Block("sum")), err)
	// Output:
	// without a permit: release has no valid permit, got the zero permit, allowed a permit of a charge, once
	// raw [0 12] cost ε 1 noised cells 2 <nil>
}

func ExampleSet_Merge() {
	north := &statistics.Set{Blocks: []statistics.Block{{Name: "count", Sum: []int64{3, 1}}}}
	south := &statistics.Set{Blocks: []statistics.Block{{Name: "count", Sum: []int64{4, 1}}}}
	fmt.Println(north.Merge(south), north.Block("count"))
	// Output: <nil> [7 2]
}
