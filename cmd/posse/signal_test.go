//go:build unix

package main

import (
	"bytes"
	"io"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A command that waits for its input ends at the first signal, with the status that shells expect.
func TestSignalsEndACommandThatWaits(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		status int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			posse := exec.Command("posse", "experiment", "validate", "-") // the one that TestMain put into PATH
			input, err := posse.StdinPipe()
			require.NoError(t, err)
			defer func() { _ = input.Close() }()
			var stdout, stderr bytes.Buffer
			posse.Stdout, posse.Stderr = &stdout, &stderr
			require.NoError(t, posse.Start())
			_, err = io.WriteString(input, "apiVersion: posse/v1\n")
			require.NoError(t, err)
			time.Sleep(300 * time.Millisecond) // until it handles signals; one that comes earlier gives the same status or kills it
			require.NoError(t, posse.Process.Signal(c.signal))
			_ = posse.Wait() // its status says how it ended
			assert.Equal(t, c.status, posse.ProcessState.ExitCode(), stderr.String())
			assert.Empty(t, stdout.String())
			assert.Equal(t, "stopping; once more stops at once\n", stderr.String())
		})
	}
}
