package consensus

import (
	"bytes"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSlowDiskIsWarnedOf(t *testing.T) {
	for name, row := range map[string]struct {
		fsync time.Duration
		warns bool
	}{
		"a tenth of the heartbeat": {30 * time.Millisecond, true},
		"less":                     {29 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			clock := time.Unix(0, 0)
			c := &Consensus{config: Config{
				Dir: t.TempDir(), Timing: Loopback(), Logger: slog.New(slog.NewTextHandler(&said, nil)),
				Now: func() time.Time { // each second call is the end of an fsync
					clock = clock.Add(row.fsync)
					return clock
				},
			}}
			require.NoError(t, c.warnOfSlowDisk())
			assert.Equal(t, row.warns, bytes.Contains(said.Bytes(), []byte("disk is slow")))
			left, err := os.ReadDir(c.config.Dir)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}
