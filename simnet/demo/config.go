package demo

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/simnet/dataset"
)

// Config says what the demo plays. The zero value of a field means its default.
type Config struct {
	Dir        string           // holds all data of all processes; required, empty
	Experiment []byte           // an experiment file; nil: choosing a solver
	File       string           // its name, for errors
	Data       string           // a data set; empty: the embedded environment
	Format     dataset.Format   // of Data
	Nodes      int              // organisations; 0: eight, or the data's own number
	Replicas   int              // 1, 3, 5 or 7; 0: 3
	Decisions  int              // of all nodes together; 0: 60,000, or what suits the data
	Users      int              // of all nodes together; 0: as many as come once or twice
	Seed       uint64           // of environment and users, never of the noise
	KillLeader int              // after this many published rounds; 0: never
	Pace       time.Duration    // that the whole is spread over; 0: full speed
	Now        func() time.Time // the clock; required
	Log        *slog.Logger     // nil discards
	Version    string           // of the binary, shown on the dashboard
	Progress   func(Progress)   // called a few times a second at most; nil: nobody watches
}

// Progress is how far a running demo is.
type Progress struct {
	Decisions, Of int
	Round         int
	Version       uint64
	Leader        string
	LeaderChanges int
	NodesAtNewest int
	Nodes         int
}

const (
	maxDecisions = 10_000_000
	maxNodes     = 64
)

func (c Config) check() (Config, error) {
	switch {
	case c.Dir == "" || c.Now == nil:
		return c, fmt.Errorf("a demo needs a directory and a clock")
	case c.Nodes < 0 || c.Nodes > maxNodes:
		return c, posse.OutOfRange("nodes", fmt.Sprint(c.Nodes), fmt.Sprintf("[1, %d]", maxNodes), "eight is the default")
	case c.Decisions < 0 || c.Decisions > maxDecisions:
		return c, posse.OutOfRange("decisions", fmt.Sprint(c.Decisions), fmt.Sprintf("[1, %d]", maxDecisions), "60000 is the default")
	case c.Users < 0 || c.Users > maxDecisions:
		return c, posse.OutOfRange("users", fmt.Sprint(c.Users), fmt.Sprintf("[1, %d]", maxDecisions), "leave it out for users who come once or twice")
	case c.KillLeader < 0:
		return c, posse.OutOfRange("kill-leader-after", fmt.Sprint(c.KillLeader), "at least 1 round", "leave it out to kill nobody")
	}
	if c.Replicas == 0 {
		c.Replicas = 3
	}
	if c.Replicas%2 == 0 || c.Replicas < 1 || c.Replicas > 7 {
		return c, posse.OutOfRange("replicas", fmt.Sprint(c.Replicas), "1, 3, 5, 7", "three survive the loss of one")
	}
	if c.KillLeader > 0 && c.Replicas < 3 {
		return c, posse.OutOfRange("replicas", fmt.Sprint(c.Replicas), "3, 5, 7", "with fewer than three nobody takes over a dead leader's work")
	}
	if c.Data != "" && c.Format == "" {
		return c, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "format", Message: "format: required with data",
			Allowed: "aslib, obd, warfarin, csv, jsonl, parquet, vw, dsjson", Hint: "say what the files are",
		}
	}
	if c.Data == "" && c.Format != "" {
		return c, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_CONFLICT", Field: "format", Value: fmt.Sprintf("%q", c.Format),
			Message: "there is a format and no data", Hint: "name the data with --data",
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	return c, nil
}
