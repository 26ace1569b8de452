package node

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/posse-dev/posse"
)

// Cluster is what a node learnt when it joined: its own name, who the replicas
// are, and the keys that their checkpoints verify with. It is the file cluster.json
// in the node's directory; nothing in it is secret.
type Cluster struct {
	Name     string    `json:"name"` // this node's
	Cluster  string    `json:"cluster"`
	Origin   string    `json:"origin"` // of the transparency log
	Replicas []Replica `json:"replicas"`
}

// Replica is one member of the coordinator.
type Replica struct {
	Name      string   `json:"name"`
	PeerID    string   `json:"peerId"`
	Addresses []string `json:"addresses"`
	Verifier  string   `json:"verifier"` // a note verifier key
}

const clusterFile = "cluster.json"

// WriteCluster keeps what the join answered. It refuses to overwrite another
// cluster's.
func WriteCluster(dir string, c Cluster) error {
	if old, err := readCluster(dir); err == nil && old.Cluster != c.Cluster {
		return &posse.Error{
			Code: posse.AlreadyExists, Reason: "CONFLICT", Field: "dir", Value: dir,
			Message: "this directory belongs to a node of another cluster", Hint: "give the new node a directory of its own",
		}
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, clusterFile)
	err = writeSynced(path+".new", append(text, '\n'))
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "FILE_UNWRITABLE", Field: "dir", Value: dir, Allowed: "a directory that can be written",
			Message: "the cluster's file can't be written: " + err.Error(), Hint: "free space or choose another directory, and join again with the same invite", Cause: err,
		}
	}
	return nil
}

// writeSynced writes a whole file to the disk: renamed without it, a crash leaves
// an empty one, and the invite is used.
func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func readCluster(dir string) (Cluster, error) {
	text, err := os.ReadFile(filepath.Join(dir, clusterFile))
	if errors.Is(err, os.ErrNotExist) {
		return Cluster{}, &posse.Error{
			Code: posse.FailedPrecondition, Reason: "NOT_ENROLLED", Field: "dir", Value: dir,
			Message: "this node has not joined a cluster", Hint: "posse node join takes the invite that the operator sent", Cause: err,
		}
	}
	if err != nil {
		return Cluster{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FILE_NOT_FOUND", Field: "dir", Value: dir, Allowed: "the directory that this node joined with",
			Message: "the cluster's file can't be read: " + err.Error(), Hint: "run the node as who owns the directory", Cause: err,
		}
	}
	var c Cluster
	if err := json.Unmarshal(text, &c); err != nil || c.Name == "" || len(c.Replicas) == 0 {
		return Cluster{}, &posse.Error{
			Code: posse.DataLoss, Reason: "MALFORMED", Field: clusterFile, Message: "the cluster's file is damaged",
			Hint: "join again with a new invite, in a new directory", Cause: err,
		}
	}
	return c, nil
}
