package web

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const (
	scriptName = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`
	rtlName    = "safe\u202egnp.exe\u0000\n"
)

// hostile is the sample with names that try to leave their place.
func hostile() View {
	v := sample()
	long := strings.Repeat("dosing-of-anticoagulants-", 12)
	e := &v.Experiments[0]
	e.Name, e.Title, e.Why, e.RewardMeaning = scriptName, long, scriptName, scriptName
	e.Arm = Noun{scriptName, long}
	e.Arms[0].Name, e.Arms[1].Name, e.Arms[2].DroppedFor, e.Preferred = scriptName, long, scriptName, long
	e.Privacy.Mechanism, e.Privacy.Unit, e.Privacy.Model, e.Privacy.PolicyNote, e.Privacy.Neighbours = scriptName, scriptName, scriptName, scriptName, scriptName
	e.Settings = append(e.Settings, Setting{scriptName, long}, Setting{"long", strings.Repeat("x", 400)})
	e.Gain.Unit = scriptName
	names := map[string]string{"alder": scriptName, "birch": long, "cedar": rtlName}
	rename := func(list []string) []string {
		renamed := append([]string(nil), list...)
		for i, name := range renamed {
			if to, ok := names[name]; ok {
				renamed[i] = to
			}
		}
		return renamed
	}
	for i := range e.Members {
		e.Members[i].Node = rename([]string{e.Members[i].Node})[0]
		v.Nodes[i].ID = rename([]string{v.Nodes[i].ID})[0]
		e.Demo.Nodes[i].Node = rename([]string{e.Demo.Nodes[i].Node})[0]
	}
	for i := range e.Rounds {
		e.Rounds[i].Bought, e.Rounds[i].Offered, e.Rounds[i].Granted = rename(e.Rounds[i].Bought), rename(e.Rounds[i].Offered), rename(e.Rounds[i].Granted)
	}
	e.Rounds[3].State, e.Rounds[3].Aborted = RoundAborted, scriptName+long
	v.Books.Accounts[0].Name, v.Books.Entries[0].Debit, v.Books.Entries[170%len(v.Books.Entries)].For = scriptName, long, scriptName
	v.Cluster.Name, v.Cluster.Leader = scriptName, long
	v.Log.Origin, v.Log.Root, v.Log.Entries[0].What, v.Log.Signatures[0].Replica = scriptName, scriptName, scriptName+long, scriptName
	v.Events = append(v.Events, Event{Time: noon, Experiment: scriptName, Subject: scriptName, Text: long + scriptName, Joining: true})
	v.Version = scriptName
	return v
}

func TestHostileNamesAreEscapedCutAndMadeVisible(t *testing.T) {
	v := hostile()
	b := open(t, v)
	for _, path := range append(pagePaths, experimentPath(scriptName), "/rounds?show="+"%22%3E%3Cscript%3E", "/rounds?before=-1", "/privacy?experiment=%3Cscript%3E") {
		if path == "/experiments/choosing-a-solver" {
			continue
		}
		body := b.page(t, path)
		assert.Equal(t, 1, strings.Count(body, "<script"), "%s: only our own script", path)
		assert.False(t, strings.Contains(body, "<img"), path)
		assert.False(t, strings.ContainsAny(body, "\u202e\u0000"), "%s: direction marks and control characters are shown as boxes", path)
		if path == "/nodes" || path == "/books" {
			assert.True(t, strings.Contains(body, "dosing-of-anticoagulants-dosing-o…"), "%s cuts long names at 34 characters", path)
			assert.True(t, strings.Contains(body, "safe▯gnp.exe▯▯"), path)
		}
	}
}

func TestCut(t *testing.T) {
	for name, c := range map[string]struct{ in, out string }{
		"short":              {"alder", "alder"},
		"just fits":          {strings.Repeat("é", 34), strings.Repeat("é", 34)},
		"one too long":       {strings.Repeat("é", 35), strings.Repeat("é", 33) + "…"},
		"control characters": {"a\x00b\x7fc\u0085", "a▯b▯c▯"},
		"direction marks":    {"a\u202eb\u2066c\u200f", "a▯b▯c▯"},
		"broken UTF-8":       {"a\xff", "a▯"},
		"empty":              {"", ""},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.out, cut(c.in)) })
	}
}
