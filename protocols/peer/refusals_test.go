package peer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/wire"
)

func TestGuessingInvitesIsBarredByPrefixAndInAll(t *testing.T) {
	clock := time.Unix(1_000_000, 0)
	r := peer.NewRefusals(func() time.Time { return clock })
	for range wire.JoinFailuresPrefix {
		assert.False(t, r.Barred("192.0.2.0/24"))
		r.Refuse("192.0.2.0/24")
	}
	assert.True(t, r.Barred("192.0.2.0/24"))
	assert.False(t, r.Barred("198.51.100.0/24"), "others are not barred for it")
	clock = clock.Add(time.Minute)
	assert.False(t, r.Barred("192.0.2.0/24"))

	for i := range wire.JoinFailuresTotal {
		r.Refuse(fmt.Sprint(i))
	}
	assert.True(t, r.Barred("203.0.113.0/24"), "too many in all")
}
