package store_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/node/store"
)

// The test binary is its own child: POSSE_CHILD says as what.
func TestMain(m *testing.M) {
	switch dir := os.Getenv("POSSE_DIR"); os.Getenv("POSSE_CHILD") {
	case "":
		goleak.VerifyTestMain(m)
	case "writer":
		writer(dir)
	case "full":
		fill(dir)
	}
}

func child(t *testing.T, as, dir string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "POSSE_CHILD="+as, "POSSE_DIR="+dir)
	c.Stderr = os.Stderr
	return c
}

// writer puts and syncs from many goroutines and says what was acknowledged.
func writer(dir string) {
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var said sync.Mutex
	value := strings.Repeat("v", 60_000)
	for i := range 16 {
		go func() {
			for j := 0; ; j++ {
				key := fmt.Sprintf("%d/%d", i, j)
				put(s, key, value) // large enough that journals are moved meanwhile
				if s.Sync() == nil {
					said.Lock()
					fmt.Println(key)
					said.Unlock()
				}
			}
		}()
	}
	select {}
}

func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	dir := t.TempDir()
	for range 3 { // the second and third open what a killed process left
		c := child(t, "writer", dir)
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		var acknowledged []string
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if acknowledged = append(acknowledged, lines.Text()); len(acknowledged) == 300 {
				require.NoError(t, c.Process.Kill())
			}
		}
		require.Error(t, c.Wait(), "killed")
		require.GreaterOrEqual(t, len(acknowledged), 300)

		s, err := store.Open(dir, store.Options{})
		require.NoError(t, err)
		got := content(t, s, "b")
		for _, key := range acknowledged {
			if assert.Regexp(t, `^\d+/\d+$`, key) {
				assert.Contains(t, got, key)
			}
		}
		require.NoError(t, s.Close())
	}
}

// fill runs on a small disk of its own.
func fill(dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		fmt.Println("skip", err)
		return
	}
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		fmt.Println("open", err)
		return
	}
	for i := range 10_000 {
		put(s, fmt.Sprint(i), strings.Repeat("x", 1000))
		if err := s.Sync(); err != nil {
			put(s, "after", "x")
			fmt.Println(posse.As(err).Reason, i > 0, s.Sync() == err, s.Close() != nil)
			break
		}
	}
	_, err = store.Open(dir, store.Options{})
	fmt.Println(posse.As(err).Reason)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=16m"); err != nil { // room is made
		fmt.Println("remount", err)
	}
	again, err := store.Open(dir, store.Options{})
	if err != nil {
		fmt.Println("reopen", err)
		return
	}
	_ = again.Each("b", func(k, _ []byte) error {
		if string(k) == "0" {
			fmt.Println("the first is there")
		}
		return nil
	})
}

// The injected errors of the other test are what a real full disk gives.
func TestAFullDiskIsSaid(t *testing.T) {
	c := child(t, "full", t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := c.Output()
	if err != nil || strings.HasPrefix(string(out), "skip") {
		t.Skipf("a disk of its own needs a user namespace, which this machine refuses: run it where `unshare --user --mount --map-root-user` works (%v %s)", err, out)
	}
	assert.Equal(t, "DISK_FULL true true true\nDISK_FULL\nthe first is there\n", string(out))
}
