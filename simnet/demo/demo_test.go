package demo_test

import (
	"testing"
	"time"
	"encoding/json"
	"log/slog"
	"os"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/simnet/demo"
)

func TestAShortDemo(t *testing.T) {
	d, err := demo.New(demo.Config{Dir: t.TempDir(), Now: time.Now, Decisions: 4000, Seed: 1, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	require.NoError(t, err)
	defer func() { assert.NoError(t, d.Close()) }()
	s, err := d.Run(t.Context())
	require.NoError(t, err)
	b, _ := json.MarshalIndent(s, "", " ")
	t.Log(string(b))
	assert.True(t, s.Log.Verified)
}
