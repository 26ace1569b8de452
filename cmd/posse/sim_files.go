package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/simnet/fast"
)

// stateName is the file of a shard, or of a simulation that is not finished.
const stateName = "state.json"

// keepEvery is how much work of a killed process is lost at most, beside the chunks
// that are being done.
const keepEvery = 30 * time.Second

// keeper holds the folder of a simulation.
type keeper struct {
	folder string
	now    func() time.Time
	last   time.Time
	made   bool // the folder is of this process
}

// open makes the folder, or returns what a stopped simulation left in it. It never
// touches a folder with anything else.
func (k *keeper) open() (*fast.State, error) {
	k.last = k.now()
	entries, err := os.ReadDir(k.folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err = os.MkdirAll(k.folder, 0o755); err == nil {
			k.made = true
			return nil, nil
		}
	case err == nil && len(entries) == 0:
		return nil, nil
	case err == nil && len(entries) == 1 && entries[0].Name() == stateName:
		state, err := readState(k.folder)
		if err == nil && state.Complete() {
			return nil, notEmpty(k.folder)
		}
		return state, err
	case err == nil:
		return nil, notEmpty(k.folder)
	}
	return nil, unwritable(k.folder, err)
}

// unwritable is the error for a folder or file below --out that can't be made.
func unwritable(path string, err error) error {
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: "FILE_UNWRITABLE", Field: "--out", Value: quoted(path), Allowed: "a folder that can be made and written to",
		Message: fmt.Sprintf("%s can't be written: %s", plain(path), why(err, "the disk refuses it")), Hint: "choose another folder, or free space", Cause: err,
	}
}

func notEmpty(folder string) *posse.Error {
	return &posse.Error{
		Code: posse.AlreadyExists, Reason: "ALREADY_EXISTS", Field: "--out", Value: folder, Allowed: "a folder that does not exist yet, or one of a stopped run",
		Message: "the folder for the results is not empty", Hint: "choose another one; results are never overwritten",
	}
}

// discard takes away the folder of a simulation of which nothing was done.
func (k *keeper) discard() {
	if k.made {
		_ = os.Remove(k.folder) // fails where something is in it, and should
	}
}

// save writes the state, if the last time is long ago.
func (k *keeper) save(s *fast.State) error {
	if k.now().Sub(k.last) < keepEvery {
		return nil
	}
	k.last = k.now()
	return k.write(s)
}

func (k *keeper) write(s *fast.State) error {
	return replace(filepath.Join(k.folder, stateName), s.Encode())
}

// replace writes a file whole or not at all: new, synced, renamed.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return unwritable(path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return unwritable(path, err)
	}
	return nil
}

// maxState bounds what is read of a state.
const maxState = 1 << 30

// readState reads the state in a folder.
func readState(folder string) (*fast.State, error) {
	path := filepath.Join(folder, stateName)
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxState {
		err = errors.New("too large")
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "SHARD_MISSING", Field: "DIR", Value: folder, Message: "the folder holds no shard's state.json",
			Hint: "name folders that posse sim run --shard wrote", Cause: err,
		}
	}
	return fast.DecodeState(path, data)
}

// manifest says what results are of.
type manifest struct {
	Schema   string   `json:"schema"`
	Version  string   `json:"version"`
	Engine   string   `json:"engine"`
	Scenario string   `json:"scenario"`
	Hash     string   `json:"scenarioHash"`
	Data     []string `json:"dataHashes,omitempty"` // SHA-256 of the data sets, sorted
	Seed     uint64   `json:"seed"`
	Runs     uint64   `json:"runs"`
	Digest   string   `json:"digest"`
	Go       string   `json:"goVersion"`
	Arch     string   `json:"goArch"`
}

// writeSimulation writes the files of a finished simulation, the same bytes for the
// same scenario, seed and runs, and takes away its state. The manifest is the last:
// a folder that has it is complete.
func (p *program) writeSimulation(folder string, state *fast.State) error {
	var curves, columns bytes.Buffer
	if err := errors.Join(state.WriteCurves(&curves), state.WriteParquet(&columns)); err != nil {
		return err
	}
	result, err := encode(p.simulated(state))
	if err != nil {
		return err
	}
	about, err := encode(manifest{
		"posse/sim-manifest/v1", version().Version, "fast", state.Name, state.Scenario, state.Data, state.Seed, state.Runs, state.Digest(), runtime.Version(), runtime.GOARCH,
	})
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{"result.json", result}, {"curves.csv", curves.Bytes()}, {"curves.parquet", columns.Bytes()}, {"manifest.json", about}} {
		if err := replace(filepath.Join(folder, file.name), file.data); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(folder, stateName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritable(filepath.Join(folder, stateName), err)
	}
	p.note("wrote %s: result.json  curves.csv  curves.parquet  manifest.json", folder)
	return nil
}
