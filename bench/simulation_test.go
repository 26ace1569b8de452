package bench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/fast"
)

const (
	simLoop       = "ucb1 in the fast engine"
	simNumpyLoop  = "ucb1 in the fast engine, 1,000 runs"
	simNumpy      = "ucb1 in the fast engine, 1,000 runs at once"
	simFour       = "four ucb1 on the same draws, 1,000 runs at once"
	simLearner    = "ucb1 as a mere Learner, 1,000 runs at once"
	simLearnerAs  = "ucb1 as a mere Learner"
	simThompson   = "thompson-beta in the fast engine"
	simCores      = "the fast engine on all cores"
	simPrivate    = "1,000 nodes with silo noise, rounds of 100"
	simManyNodes  = "100,000 nodes with silo noise, rounds of 100"
	numpyLoop     = "a numpy loop"
	numpyAtOnce   = "numpy over all runs"
	plainRuns     = "a plain loop with PCG"
	plainThompson = "a plain loop with the same sampler"
	processes     = "as many processes of one core"
	withoutNoise  = "the same without privacy"
	thousandNodes = "1,000 nodes"

	simRuns  = 1000
	simSteps = 10_000
	simPairs = 5
)

// simulation reads a scenario of ten coins, evenly spaced.
func simulation(b testing.TB, policies ...string) *simnet.Scenario {
	var list []string
	for i, p := range policies {
		list = append(list, fmt.Sprintf("{name: %s, label: p%d}", p, i))
	}
	return readScenario(b, fmt.Sprintf(`apiVersion: posse/v1
kind: Scenario
metadata: {name: bench}
experiment:
  problem: {kind: arms, arms: 10}
  reward: {range: [0, 1]}
  privacy: {model: none}
  horizon: %d
environment: {kind: bernoulli, means: [0.1, 0.1888888889, 0.2777777778, 0.3666666667, 0.4555555556, 0.5444444444, 0.6333333333, 0.7222222222, 0.8111111111, 0.9]}
policies: [%s]
`, simSteps, strings.Join(list, ", ")))
}

// federation reads a scenario of so many nodes that report after 100 decisions each,
// ten times.
func federation(b testing.TB, nodes int, learning string) *simnet.Scenario {
	return readScenario(b, fmt.Sprintf(`apiVersion: posse/v1
kind: Scenario
metadata: {name: bench}
experiment:
  problem: {kind: arms, arms: 10}
  reward: {range: [0, 1]}
  policy: {name: robust-elimination}
  privacy: {model: silo, unit: reward, epsilon: 1}
  rounds: {trigger: {decisions: %d}}
  horizon: %d
environment: {kind: bernoulli, means: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9]}
nodes: {count: %d}
learning: [%s]
`, 100*nodes, 1000*nodes, nodes, learning))
}

func readScenario(b testing.TB, text string) *simnet.Scenario {
	b.Helper()
	s, err := simnet.Read("bench.yaml", []byte(text), simnet.Files{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// simulate returns how long a run of the engine takes, for each 10⁹ steps.
func simulate(b testing.TB, s *simnet.Scenario, o fast.Options) time.Duration {
	steps := fast.Steps(s, o)
	took := timed(func() {
		if _, err := fast.Run(context.Background(), s, o); err != nil {
			b.Fatal(err)
		}
	})
	return perGiga(took, steps)
}

func perGiga(took time.Duration, steps int64) time.Duration {
	return time.Duration(float64(took) * 1e9 / float64(steps))
}

// plainUCB1 is the program that a beginner would write.
func plainUCB1(runs int) (regret float64) {
	src := rand.New(rand.NewPCG(1, 2))
	means := make([]float64, ucbArms)
	for a := range means {
		means[a] = 0.1 + 0.8*float64(a)/(ucbArms-1)
	}
	for range runs {
		n, sum := make([]float64, ucbArms), make([]float64, ucbArms)
		for t := range simSteps {
			at := t
			if t >= ucbArms {
				best := math.Inf(-1)
				for a := range n {
					if index := sum[a]/n[a] + math.Sqrt(2*math.Log(float64(t+1))/n[a]); index > best {
						best, at = index, a
					}
				}
			}
			n[at]++
			if src.Float64() < means[at] {
				sum[at]++
			}
			regret += means[ucbArms-1] - means[at]
		}
	}
	return regret / float64(runs)
}

// plainBeta is Thompson sampling with the sampler that the policy has.
func plainBeta(runs int) (regret float64) {
	src := rand.NewPCG(1, 2)
	uniform := rand.New(src)
	means := make([]float64, ucbArms)
	for a := range means {
		means[a] = 0.1 + 0.8*float64(a)/(ucbArms-1)
	}
	for range runs {
		n, sum := make([]float64, ucbArms), make([]float64, ucbArms)
		for range simSteps {
			best, at := math.Inf(-1), 0
			for a := range n {
				if x := (distuv.Beta{Alpha: 1 + sum[a], Beta: 1 + n[a] - sum[a], Src: src}).Rand(); x > best {
					best, at = x, a
				}
			}
			n[at]++
			if uniform.Float64() < means[at] {
				sum[at]++
			}
			regret += means[ucbArms-1] - means[at]
		}
	}
	return regret / float64(runs)
}

// numpyPrograms print how many seconds they took, and the mean regret.
const numpyPrograms = `
import sys, time
import numpy as np
K, T = 10, 10000
means = np.linspace(0.1, 0.9, K)
rng = np.random.default_rng(1)
def loop(runs):
    regret = 0.0
    for _ in range(runs):
        n, s = np.zeros(K), np.zeros(K)
        for t in range(T):
            if t < K:
                a = t
            else:
                a = int(np.argmax(s / n + np.sqrt(2 * np.log(t + 1) / n)))
            x = rng.random() < means[a]
            n[a] += 1
            s[a] += x
            regret += means[-1] - means[a]
    return regret / runs
def vectorised(runs):
    n, s = np.zeros((runs, K)), np.zeros((runs, K))
    lane = np.arange(runs)
    regret = np.zeros(runs)
    for t in range(T):
        if t < K:
            a = np.full(runs, t)
        else:
            a = np.argmax(s / n + np.sqrt(2 * np.log(t + 1) / n), axis=1)
        x = rng.random(runs) < means[a]
        n[lane, a] += 1
        s[lane, a] += x
        regret += means[-1] - means[a]
    return regret.mean()
runs = int(sys.argv[2])
began = time.perf_counter()
regret = {'loop': loop, 'vectorised': vectorised}[sys.argv[1]](runs)
print(time.perf_counter() - began, regret)
`

// numpy runs one of the programs and returns its time for each 10⁹ steps.
func numpy(b testing.TB, program string, runs int) time.Duration {
	c := exec.Command("python3", "-c", numpyPrograms, program, strconv.Itoa(runs))
	c.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	out, err := c.Output()
	if err != nil {
		b.Fatal(err)
	}
	var seconds, regret float64
	if _, err := fmt.Sscan(string(out), &seconds, &regret); err != nil || !(regret > 300 && regret < 450) {
		b.Fatalf("numpy printed %q: %v", out, err)
	}
	return perGiga(time.Duration(seconds*1e9), int64(runs)*simSteps)
}

// needsNumpy notes that a row can't be measured here.
func needsNumpy(b *testing.B, ours, theirs, goal string) bool {
	if exec.Command("python3", "-c", "import numpy").Run() == nil {
		return true
	}
	absent(row{ours: ours, theirs: theirs, goal: goal}, "not measured: python3-numpy is not installed")
	b.Skip("python3-numpy is not installed")
	return false
}

func BenchmarkSimulation(b *testing.B) {
	ucb := simulation(b, "ucb1")
	one := fast.Options{Runs: simRuns, Seed: 1, Parallel: 1}
	learner := one
	learner.Learners = true
	engine := func(s *simnet.Scenario, o fast.Options) func() time.Duration {
		return func() time.Duration { return simulate(b, s, o) }
	}
	plain := func() time.Duration {
		return perGiga(timed(func() { plainUCB1(simRuns / 4) }), simRuns/4*simSteps)
	}
	vectorised := func() time.Duration { return numpy(b, "vectorised", simRuns) }

	b.Run("Plain", func(b *testing.B) { slower(b, simLoop, plainRuns, "at most 0.3", engine(ucb, one), plain) })
	b.Run("LearnerPlain", func(b *testing.B) { slower(b, simLearnerAs, plainRuns, "at most 0.6", engine(ucb, learner), plain) })
	b.Run("NumpyLoop", func(b *testing.B) {
		if needsNumpy(b, simNumpyLoop, numpyLoop, "at least 250") {
			faster(b, simPairs, simNumpyLoop, numpyLoop, "at least 250", engine(ucb, one), func() time.Duration { return numpy(b, "loop", 20) })
		}
	})
	b.Run("Numpy", func(b *testing.B) {
		if needsNumpy(b, simNumpy, numpyAtOnce, "at least 3.5") {
			faster(b, simPairs, simNumpy, numpyAtOnce, "at least 3.5", engine(ucb, one), vectorised)
		}
	})
	b.Run("Four", func(b *testing.B) {
		if needsNumpy(b, simFour, numpyAtOnce, "at least 4.5") {
			faster(b, simPairs, simFour, numpyAtOnce, "at least 4.5", engine(simulation(b, "ucb1", "ucb1", "ucb1", "ucb1"), one), vectorised)
		}
	})
	b.Run("LearnerNumpy", func(b *testing.B) {
		if needsNumpy(b, simLearner, numpyAtOnce, "at least 1.8") {
			faster(b, simPairs, simLearner, numpyAtOnce, "at least 1.8", engine(ucb, learner), vectorised)
		}
	})
	b.Run("Thompson", func(b *testing.B) {
		few := one
		few.Runs = 64
		slower(b, simThompson, plainThompson, "at most 1.5", engine(simulation(b, "thompson-beta"), few), func() time.Duration {
			return perGiga(timed(func() { plainBeta(32) }), 32*simSteps)
		})
	})
	b.Run("Cores", func(b *testing.B) { cores(b, ucb) })
	b.Run("Privacy", func(b *testing.B) {
		few := fast.Options{Runs: 2, Seed: 1, Parallel: 1}
		faster(b, simPairs, simPrivate, withoutNoise, "at least 0.5", engine(federation(b, 1000, "federated"), few), engine(federation(b, 1000, "nonPrivate"), few))
	})
	b.Run("Nodes", func(b *testing.B) {
		faster(b, simPairs, simManyNodes, thousandNodes, "at least 0.8",
			engine(federation(b, 100_000, "federated"), fast.Options{Runs: 1, Seed: 1, Parallel: 1}),
			engine(federation(b, 1000, "federated"), fast.Options{Runs: 10, Seed: 1, Parallel: 1}))
	})
}

// oneCore is the variable that makes this test binary one of several processes.
const oneCore = "POSSE_BENCH_ONE_CORE"

// cores sets all cores in one process beside as many processes of one core each.
func cores(b *testing.B, s *simnet.Scenario) {
	const each = 6000
	n := runtime.NumCPU()
	faster(b, simPairs, simCores, processes, "at least 0.95",
		func() time.Duration {
			return simulate(b, s, fast.Options{Runs: uint64(n * each), Seed: 1, Parallel: n})
		},
		func() time.Duration {
			var all []*exec.Cmd
			took := make([]time.Duration, n)
			results := make([]*strings.Builder, n)
			for i := range n {
				c := exec.Command(os.Args[0], "-test.run", "^TestOneCore$")
				c.Env = append(os.Environ(), oneCore+"="+strconv.Itoa(each), "GOMAXPROCS=1")
				results[i] = &strings.Builder{}
				c.Stdout = results[i]
				if err := c.Start(); err != nil {
					b.Fatal(err)
				}
				all = append(all, c)
			}
			for i, c := range all {
				if err := c.Wait(); err != nil {
					b.Fatal(err)
				}
				line, _, _ := strings.Cut(results[i].String(), "\n")
				var err error
				if took[i], err = time.ParseDuration(line); err != nil {
					b.Fatal(err)
				}
			}
			slowest := time.Duration(0)
			for _, d := range took {
				slowest = max(slowest, d)
			}
			return perGiga(slowest, int64(n*each)*simSteps)
		})
}

// TestOneCore is not a test: it is one of the processes of [cores], and prints how long
// its runs took.
func TestOneCore(t *testing.T) {
	runs, err := strconv.Atoi(os.Getenv(oneCore))
	if err != nil {
		t.Skip("one of the processes of BenchmarkSimulation: run make bench")
	}
	s := simulation(t, "ucb1")
	fmt.Println(timed(func() {
		if _, err := fast.Run(t.Context(), s, fast.Options{Runs: uint64(runs), Seed: 1, Parallel: 1}); err != nil {
			t.Fatal(err)
		}
	}))
}

// The plain programs play the same rules as the engine: their regrets agree.
func TestThePlainProgramsPlayTheSameRules(t *testing.T) {
	for name, plain := range map[string]func(int) float64{"ucb1": plainUCB1, "thompson-beta": plainBeta} {
		st, err := fast.Run(t.Context(), simulation(t, name), fast.Options{Runs: 60, Seed: 1, Parallel: 2})
		if err != nil {
			t.Fatal(err)
		}
		r := st.Results()[0].Regret
		half := (r.High - r.Low) / 2
		if got := plain(60); math.Abs(got-r.Mean) > 5.5/1.96*math.Sqrt2*half { // false alarm below 1e-7
			t.Errorf("%s: regret %.1f in the plain program, %.1f ± %.1f in the engine", name, got, r.Mean, half)
		}
	}
}
