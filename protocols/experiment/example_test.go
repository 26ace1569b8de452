package experiment_test

import (
	"errors"
	"fmt"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/experiment"
)

const file = `
apiVersion: posse/v1
kind: Experiment
metadata: {name: dosing}
problem: {kind: arms, arms: [low, medium, high]}
reward: {moment: {order: 1.5, bound: 8}}
policy: {name: robust-elimination}
privacy: {model: silo, unit: user, epsilon: 1, maxContributions: 10}
horizon: 100000
`

func ExampleRead() {
	e, err := experiment.Read("dosing.yaml", []byte(file))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.Name, e.Problem.Arms, "a round each", e.Rounds.Trigger.Decisions, "decisions")

	_, err = experiment.Read("dosing.yaml", []byte("apiVersion: posse/v1\nprivacy: {epsilon: -1}\n"))
	var problem *posse.Error
	if errors.As(err, &problem) {
		for _, p := range problem.Problems {
			fmt.Printf("%s:%d: %s\n", p.File, p.Line, p.Message)
		}
	}
	// Output:
	// dosing [low medium high] a round each 2000 decisions
	// dosing.yaml:1: kind: required
	// dosing.yaml:1: metadata: required
	// dosing.yaml:1: problem: required
	// dosing.yaml:1: horizon: required
	// dosing.yaml:1: reward: required
	// dosing.yaml:1: policy: required
	// dosing.yaml:2: privacy.model: required
	// dosing.yaml:2: privacy.unit: required
	// dosing.yaml:2: privacy.epsilon is out of range
}

func ExampleExplain() {
	e, err := experiment.Read("dosing.yaml", []byte(file))
	if err != nil {
		fmt.Println(err)
		return
	}
	s := experiment.Explain(e)
	r := s.Guarantee.PerRelease[0]
	fmt.Println(r.What, r.Mechanism, "scale", r.Scale, "epsilon", s.Guarantee.Epsilon)
	// Output: report discrete-laplace scale 655360 epsilon 1
}
