//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const shardedScenario = `apiVersion: posse/v1
kind: Scenario
metadata: {name: small}
experiment:
  problem: {kind: arms, arms: 3}
  reward: {range: [0, 1]}
  privacy: {model: none}
  horizon: 400
environment: {kind: bernoulli, means: [0.2, 0.5, 0.7]}
policies: [{name: ucb1}, {name: thompson-beta}]
runs: 31
`

// job is what a manifest says of its shards.
type job struct {
	Kind string
	Spec struct {
		CompletionMode string `yaml:"completionMode"`
		Completions    int
		Template       struct {
			Spec struct {
				Containers []struct {
					Command []string
					Env     []struct{ Name, Value string }
				}
			}
		}
	}
}

// shard runs a command as one of several local processes.
func shard(t *testing.T, bin string, command []string, env ...string) {
	t.Helper()
	c := exec.Command(command[0], command[1:]...)
	c.Env = append([]string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// The manifests of deploy/sim, with local processes in place of a cluster's: their
// parts, joined in another order, are the bytes of one process.
func TestManifestsOfSimulationsGiveOneMachinesBytes(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	bin, work := t.TempDir(), t.TempDir()
	posse := filepath.Join(bin, "posse")
	require.NoError(t, os.Symlink(self, posse))
	scenario := filepath.Join(work, "scenario.yaml")
	require.NoError(t, os.WriteFile(scenario, []byte(shardedScenario), 0o600))
	shard(t, bin, []string{posse, "sim", "run", scenario, "--out", filepath.Join(work, "one")})

	text, err := os.ReadFile("../../deploy/sim/kubernetes.yaml")
	require.NoError(t, err)
	var j job
	require.NoError(t, yaml.NewDecoder(bytes.NewReader(text)).Decode(&j))
	require.Equal(t, [2]string{"Job", "Indexed"}, [2]string{j.Kind, j.Spec.CompletionMode})
	pod := j.Spec.Template.Spec.Containers[0]
	var env []string
	for _, e := range pod.Env {
		switch e.Name {
		case "SCENARIO":
			e.Value = scenario
		case "RESULTS":
			e.Value = filepath.Join(work, "kubernetes")
		case "SHARDS":
			require.Equal(t, strconv.Itoa(j.Spec.Completions), e.Value)
		}
		env = append(env, e.Name+"="+e.Value)
	}
	for i := range j.Spec.Completions {
		shard(t, bin, pod.Command, append(env, fmt.Sprintf("JOB_COMPLETION_INDEX=%d", i))...)
	}

	script, err := os.ReadFile("../../deploy/sim/slurm.sh")
	require.NoError(t, err)
	array := regexp.MustCompile(`(?m)^#SBATCH --array=0-(\d+)$`).FindSubmatch(script)
	require.NotNil(t, array)
	last, err := strconv.Atoi(string(array[1]))
	require.NoError(t, err)
	for i := range last + 1 {
		shard(t, bin, []string{"sh", "../../deploy/sim/slurm.sh"}, "SCENARIO="+scenario, "RESULTS="+filepath.Join(work, "slurm"),
			fmt.Sprintf("SLURM_ARRAY_TASK_ID=%d", i), fmt.Sprintf("SLURM_ARRAY_TASK_COUNT=%d", last+1), "SLURM_CPUS_PER_TASK=2")
	}

	for _, cluster := range []string{"kubernetes", "slurm"} {
		parts, err := filepath.Glob(filepath.Join(work, cluster, "part-*"))
		require.NoError(t, err)
		require.Len(t, parts, 3)
		whole := filepath.Join(work, cluster, "whole")
		shard(t, bin, []string{posse, "sim", "merge", parts[2], parts[0], parts[1], "--out", whole})
		for _, name := range []string{"result.json", "curves.csv", "curves.parquet", "manifest.json"} {
			want, err := os.ReadFile(filepath.Join(work, "one", name))
			require.NoError(t, err)
			got, err := os.ReadFile(filepath.Join(whole, name))
			require.NoError(t, err)
			assert.Equal(t, want, got, "%s of %s", name, cluster)
		}
	}
}
