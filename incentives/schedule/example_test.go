package schedule_test

import (
	"fmt"

	"github.com/posse-dev/posse/incentives/schedule"
)

func ExampleFairEqual() {
	contributions := []float64{8, 6.5, 6, 3, 2, 1, 0, -0.4} // of nodes a to h, in nats
	chances, _ := schedule.FairEqual(contributions, schedule.Params{Equality: 0.2, Grants: 3, Floor: 0.05})
	quotas, _ := schedule.Quotas(chances, 3)
	granted, err := schedule.Draw([32]byte{1}, []string{"a", "b", "c", "d", "e", "f", "g", "h"}, quotas)
	fmt.Printf("%.3f\n", chances)
	fmt.Println(len(granted), "granted, a among them:", granted[0] == "a", err)
	// Output:
	// [1.000 0.972 0.711 0.109 0.058 0.050 0.050 0.050]
	// 3 granted, a among them: true <nil>
}
