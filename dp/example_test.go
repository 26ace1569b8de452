package dp_test

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/account"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
)

// Calibrate, charge, release, and read the odometer: all of it without Posse.
func Example() {
	params, _ := dp.NewParams("1", "1e-6")
	kind, limit, _ := account.FilterLimit(params) // (1, 1e-6) as a limit in ρ
	filter, _ := budget.NewFilter(kind, limit, "the survey")
	quarter := dp.Spend{PicoRho: limit.PicoRho / 4} // four releases of one size
	odometer, _ := budget.NewLadder(quarter, 0.9e-6)

	sensitivity2 := big.NewInt(1) // counts: one person changes one of them by 1
	gaussian, _ := noise.GaussianFor(sensitivity2, quarter)
	spend := gaussian.SpendBig(sensitivity2)

	permit, _ := filter.Charge(spend) // before anything is drawn
	counts := []int64{120, 80, 45}
	if err := permit.AddGaussian(counts, sensitivity2, gaussian, noise.Secure{}); err != nil {
		fmt.Println(err)
	}
	_ = odometer.Add(spend)
	rho, delta := odometer.Bound()
	epsilon, _ := account.ZCDPEpsilon(rho, delta)
	fmt.Printf("deviation %.1f, lost so far ε %.3f, left %s\n", sqrt(gaussian.Variance()), epsilon, filter.Remaining())
	// Output:
	// deviation 9.1, lost so far ε 0.490, left ρ 0.018097216758, δ 1e-07
}

// A release without a charge is refused.
func Example_withoutPermit() {
	laplace, _ := noise.NewDiscreteLaplace(1, 1)
	counts := []int64{120, 80}
	var permit budget.Permit // nobody charged for it
	err := permit.AddLaplace(counts, 1, laplace, noise.Secure{})
	fmt.Println(errors.Is(err, budget.ErrPermit), counts)
	fmt.Println(err)
	// Output:
	// true [120 80]
	// release has no valid permit, got the zero permit, allowed a permit of a charge, once
}

func sqrt(x float64) float64 {
	f, _ := new(big.Float).Sqrt(big.NewFloat(x)).Float64()
	return f
}
