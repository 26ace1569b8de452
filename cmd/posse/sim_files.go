package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"

	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/fast"
)

// manifest says what results are of.
type manifest struct {
	Schema   string `json:"schema"`
	Version  string `json:"version"`
	Engine   string `json:"engine"`
	Scenario string `json:"scenario"`
	Hash     string `json:"scenarioHash"`
	Seed     uint64 `json:"seed"`
	Runs     uint64 `json:"runs"`
	Digest   string `json:"digest"`
	Go       string `json:"goVersion"`
	Arch     string `json:"goArch"`
}

// writeSimulation writes the files of a finished simulation. Only result.json has
// the speed: the other two are the same bytes for the same scenario, seed and runs.
func (p *program) writeSimulation(folder string, s *simnet.Scenario, state *fast.State, r simulated) error {
	var curves bytes.Buffer
	if err := state.WriteCurves(&curves); err != nil {
		return err
	}
	result, err := encode(r)
	if err != nil {
		return err
	}
	about, err := encode(manifest{
		"posse/sim-manifest/v1", version().Version, "fast", s.Name, state.Scenario, state.Seed, state.Runs, state.Digest(), runtime.Version(), runtime.GOARCH,
	})
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"curves.csv": curves.Bytes(), "result.json": result, "manifest.json": about} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
