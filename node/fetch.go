package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node/rounds"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/checkpoint"
	"github.com/posse-dev/posse/protocols/possev1"
)

// keyHead is where the newest checkpoint that this node trusts is kept.
const keyHead = "head"

// published is what this node reads of the log's leaf for a version.
type published struct {
	Body struct {
		Experiment string `json:"experiment"`
		Version    uint64 `json:"version"`
		Model      string `json:"model"`      // SHA-256, hexadecimal
		Descriptor string `json:"descriptor"` // the same
	} `json:"body"`
}

// fetch asks for a granted version, verifies it and decides with it from the next
// leaf on. A version that does not verify is not used: the node goes on with the
// one it holds, and says so.
func (n *Node) fetch(ctx context.Context, t *taken, version uint64) []rounds.Event {
	name := t.file.Name
	trusted, err := n.trustedHead()
	if err != nil {
		n.cfg.Log.Error("the trusted checkpoint can't be read", "why", err)
		return nil
	}
	answer, arrived, err := n.link.call(ctx, &possev1.NodeRequest{Body: &possev1.NodeRequest_Fetch{
		Fetch: &possev1.Fetch{Experiment: name, Version: version, CheckpointSize: trusted.Size},
	}})
	switch {
	case err != nil && !arrived:
		return []rounds.Event{rounds.Lost{}}
	case err != nil:
		n.cfg.Log.Info("a version could not be fetched", "experiment", name, "version", version, "reason", posse.As(err).Reason)
		return nil
	}
	m, d, head, err := n.verify(t, answer.GetModel(), trusted)
	if err != nil {
		n.cfg.Log.Error("ALARM: a version was not accepted", "experiment", name, "version", version, "why", err)
		return nil
	}
	if _, err := t.shared.Open(d); err != nil {
		n.cfg.Log.Error("a version can't be used", "experiment", name, "version", version, "why", err)
		return nil
	}
	t.mu.Lock()
	t.model, t.now = m, d
	t.mu.Unlock()
	n.follows(t)
	n.mu.Lock()
	n.head = head
	n.mu.Unlock()
	text, err := json.Marshal(head)
	if err != nil {
		n.cfg.Log.Error("a checkpoint can't be stored", "why", err)
		return nil
	}
	n.keep(t, store.Write{Bucket: bucketNode, Key: []byte(keyHead), Value: text})
	n.notify()
	return []rounds.Event{rounds.Fetched{Version: m.Version}}
}

// verify holds a version to the log: the checkpoint is signed by a replica that
// this node knows, the log still begins with what the node saw before, the leaf is
// in it, and model and descriptor are the ones that the leaf names. The descriptor
// must ask for the experiment's own noise, and the version must not go back.
func (n *Node) verify(t *taken, b *possev1.ModelBundle, trusted checkpoint.Head) (mechanisms.Model, mechanisms.Descriptor, checkpoint.Head, error) {
	fail := func(what string, err error) (mechanisms.Model, mechanisms.Descriptor, checkpoint.Head, error) {
		return mechanisms.Model{}, mechanisms.Descriptor{}, checkpoint.Head{}, fmt.Errorf("%s: %w", what, err)
	}
	var keys []string
	for _, r := range n.cluster.Replicas {
		keys = append(keys, r.Verifier)
	}
	head, _, err := checkpoint.Open(b.GetCheckpoint(), n.cluster.Origin, keys, 1)
	if err != nil {
		return fail("checkpoint", err)
	}
	if trusted.Size > 0 {
		if head.Size < trusted.Size { // an older signed head of the same log: keep the newer one
			return fail("checkpoint", errors.New("the log went back"))
		}
		if err := checkpoint.Follow(trusted, head, b.GetConsistency()); err != nil {
			return fail("the log has another history than before", err)
		}
	}
	if err := checkpoint.VerifyInclusion(head, b.GetLeafIndex(), checkpoint.Hash(b.GetLeaf()), b.GetInclusion()); err != nil {
		return fail("the version is not in the log", err)
	}
	leaf, err := checkpoint.DecodeLeaf(b.GetLeaf())
	if err != nil {
		return fail("leaf", err)
	}
	if leaf.Kind != "publish" {
		return fail("leaf", errors.New("it is of another kind: "+strconv.Quote(cut(leaf.Kind))))
	}
	var p published
	if err := json.Unmarshal(leaf.View, &p); err != nil {
		return fail("leaf", err)
	}
	m, err := mechanisms.DecodeModel(b.GetModel())
	if err != nil {
		return fail("model", err)
	}
	d, err := mechanisms.DecodeDescriptor(b.GetDescriptor_())
	if err != nil {
		return fail("descriptor", err)
	}
	model, descriptor := sha256.Sum256(b.GetModel()), sha256.Sum256(b.GetDescriptor_())
	switch {
	case p.Body.Experiment != t.file.Name || p.Body.Version != m.Version || m.Version != b.GetVersion():
		return fail("leaf", errors.New("it is about another version"))
	case p.Body.Model != fmt.Sprintf("%x", model) || p.Body.Descriptor != fmt.Sprintf("%x", descriptor):
		return fail("leaf", errors.New("it names another model"))
	case m.Version <= t.rounds.Held():
		return fail("version", errors.New("it is not newer than the one held"))
	}
	if err := sameLayout(t.shared, d); err != nil {
		return fail("descriptor", err)
	}
	return m, d, head, nil
}

func (n *Node) trustedHead() (head checkpoint.Head, err error) {
	n.mu.RLock()
	head = n.head
	n.mu.RUnlock()
	if head.Size > 0 {
		return head, nil
	}
	err = n.store.Each(bucketNode, func(k, v []byte) error {
		if !bytes.Equal(k, []byte(keyHead)) {
			return nil
		}
		return json.Unmarshal(v, &head)
	})
	return head, err
}
