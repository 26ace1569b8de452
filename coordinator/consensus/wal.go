package consensus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// segmentBytes is raft-wal's own default: files are made with this length.
const segmentBytes = 64 << 20

// walStore is raft-wal with its metadata closed too: the library leaves it open,
// and a second Open in the same process would wait for its lock for ever.
type walStore struct {
	*wal.WAL
	meta     *metadb.BoltMetaDB
	segments *segments
}

// openWAL opens the log in dir on a disk.
func openWAL(dir string, disk types.VFS, size int, logger hclog.Logger) (_ *walStore, err error) {
	if err := lost(dir); err != nil {
		return nil, err
	}
	meta := &metadb.BoltMetaDB{}
	defer func() { // damaged lengths make the library index out of range
		if r := recover(); r != nil {
			err = errors.Join(&CorruptError{Why: fmt.Sprintf("the log cannot be opened: %v", r)}, meta.Close())
		}
	}()
	s := &segments{SegmentFiler: segment.NewFiler(dir, disk)}
	w, err := wal.Open(dir, wal.WithMetaStore(meta), wal.WithSegmentFiler(s), wal.WithSegmentSize(size), wal.WithLogger(logger))
	if err != nil {
		if !isDiskFull(err) && !errors.Is(err, fs.ErrPermission) {
			err = &CorruptError{Why: fmt.Sprintf("the log cannot be opened: %v", err)}
		}
		return nil, errors.Join(err, meta.Close())
	}
	return &walStore{WAL: w, meta: meta, segments: s}, nil
}

// lost refuses a directory that has a mark or segments but no metadata: the library
// would begin an empty log beside the mark.
func lost(dir string) error {
	_, err := os.Stat(filepath.Join(dir, metadb.FileName))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read log directory: %w", err)
	}
	for _, e := range entries {
		if e.Name() == markName || strings.HasSuffix(e.Name(), ".wal") {
			return &CorruptError{Why: "the metadata of the log is gone"}
		}
	}
	return nil
}

// StoreLogs stores entries. When the library could not begin its next segment it
// only logs that, and says of every later append that the segment is sealed: here
// it says why.
func (w *walStore) StoreLogs(logs []*raft.Log) error {
	err := w.WAL.StoreLogs(logs)
	if errors.Is(err, wal.ErrSealed) {
		err = errors.Join(err, w.segments.failure())
	}
	return err
}

// Close closes the log and its metadata.
func (w *walStore) Close() error { return errors.Join(w.WAL.Close(), w.meta.Close()) }

// segments remembers why a segment could not be made.
type segments struct {
	types.SegmentFiler
	mu     sync.Mutex
	failed error
}

// Create makes a segment.
func (s *segments) Create(info types.SegmentInfo) (types.SegmentWriter, error) {
	w, err := s.SegmentFiler.Create(info)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.failed = err
	}
	return w, err
}

func (s *segments) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func isNotFound(err error) bool { return errors.Is(err, wal.ErrNotFound) }
