package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives"
)

func TestVariablesFollowKeys(t *testing.T) {
	for key, variable := range map[string]string{
		"dir": "POSSE_DIR", "guard.user.epsilon": "POSSE_GUARD_USER_EPSILON", "app.tokenFile": "POSSE_APP_TOKEN_FILE", "p2p.listen": "POSSE_P2P_LISTEN",
	} {
		assert.Equal(t, variable, setting{key: key}.variable())
	}
}

// Each source wins over the ones below it, for each kind of key.
func TestPrecedenceOfSources(t *testing.T) {
	const file = "apiVersion: posse/v1\nkind: Node\ncost: 1\nprivate: true\np2p: {listen: [/ip4/127.0.0.1/tcp/1, /ip4/127.0.0.1/tcp/2]}\n"
	keys := []struct {
		key, flag       string
		def, file       []string
		variable, given string
		fromEnv         []string
		fromFlag        []string
	}{
		{"cost", "cost", []string{"0"}, []string{"1"}, "2", "3", []string{"2"}, []string{"3"}},
		{"private", "private", []string{"false"}, []string{"true"}, "false", "true", []string{"false"}, []string{"true"}},
		{
			"p2p.listen", "listen", nil,
			[]string{"/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/2"},
			"/ip4/127.0.0.1/tcp/3, /ip4/127.0.0.1/tcp/4", "/ip4/127.0.0.1/tcp/5",
			[]string{"/ip4/127.0.0.1/tcp/3", "/ip4/127.0.0.1/tcp/4"},
			[]string{"/ip4/127.0.0.1/tcp/5"},
		},
	}
	for _, k := range keys {
		for _, source := range []struct {
			name              string
			file, env, onLine bool
			want              []string
		}{
			{"default", false, false, false, k.def},
			{"file", true, false, false, k.file},
			{"environment over default", false, true, false, k.fromEnv},
			{"environment over file", true, true, false, k.fromEnv},
			{"flag over default", false, false, true, k.fromFlag},
			{"flag over all", true, true, true, k.fromFlag},
		} {
			t.Run(k.key+" "+source.name, func(t *testing.T) {
				p := &program{env: map[string]string{}}
				cmd := p.nodeRun()
				if source.onLine {
					require.NoError(t, cmd.Flags().Set(k.flag, k.given))
				}
				if source.env {
					p.env[setting{key: k.key}.variable()] = k.variable
				}
				name := ""
				if source.file {
					name = "-"
				}
				p.in = strings.NewReader(file)
				cmd.SetContext(t.Context())
				values, err := p.gather(cmd, nodeSettings(), "Node", name)
				require.NoError(t, err)
				assert.Equal(t, source.want, values[k.key].values)
			})
		}
	}
}

func TestNodeConfigFromSettings(t *testing.T) {
	values, err := readSettings("node.yaml", []byte("apiVersion: posse/v1\nkind: Node\ndir: here\ncost: 2.5\nprivate: true\nguard: {user: {epsilon: 1.5}, experiment: {epsilon: 0.0000000019}}\n"), "Node", nodeSettings())
	require.NoError(t, err)
	config, err := nodeConfig(values)
	require.NoError(t, err)
	assert.Equal(t, "here", config.Dir)
	assert.Equal(t, 5*incentives.Credit/2, config.Cost)
	assert.True(t, config.Private)
	assert.Equal(t, dp.Spend{NanoEpsilon: 1_500_000_000}, config.Guard.User)
	assert.Equal(t, dp.Spend{NanoEpsilon: 1}, config.Guard.Experiment, "a limit is rounded down")
}

func TestLimitsThatAreNone(t *testing.T) {
	for _, text := range []string{"", "0", "-1", "20.000000001", "NaN", "Inf", "1e3", "1/2", "0x1", "1e-10", "1e-99999999", "one", "1_0"} {
		_, err := epsilonOf(text)
		require.Error(t, err, text)
		assert.Equal(t, "(0, 20]", posse.As(err).Allowed)
	}
	for text, nano := range map[string]uint64{"20": 20e9, "1": 1e9, "0.5": 5e8, "1e-3": 1e6, "1e-9": 1} {
		spend, err := epsilonOf(text)
		require.NoError(t, err, text)
		assert.Equal(t, nano, spend.NanoEpsilon, text)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte("apiVersion: posse/v1\nkind: Node\ndir: here\nguard: {user: {epsilon: 1}}\n"))
	f.Add([]byte("apiVersion: posse/v1\nkind: Node\np2p:\n  listen: [a, b]\ndir: &a x\n---\nmore: *a\n"))
	f.Add([]byte("{"))
	f.Add([]byte("dir: !!str x\n? [a]\n: b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		values, err := readSettings("node.yaml", data, "Node", nodeSettings())
		if err != nil {
			var e *posse.Error
			require.True(t, errors.As(err, &e), "an error without a field: %v", err)
			return
		}
		for key := range values {
			assert.True(t, slices.ContainsFunc(nodeSettings(), func(s setting) bool { return s.key == key }), key)
		}
	})
}
