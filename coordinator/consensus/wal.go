package consensus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
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
	// Damaged lengths and page numbers make the libraries index out of range, or read
	// outside of the mapped file. What they hold then is not closed: a lock of theirs
	// may be held for ever, and the process is about to exit.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &CorruptError{Why: fmt.Sprintf("the log cannot be opened: %v", r)}
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

// segments makes and opens the files of the log, with two repairs of the library.
type segments struct {
	types.SegmentFiler
	mu     sync.Mutex
	failed error
}

// Open opens a sealed segment. Version 0.4.0 of the library seals a segment whose
// end was deleted without writing its index, and after a restart finds no entry in
// it (hashicorp/raft-wal issue 31, fixed after that version): such a segment is read
// through, like the last one after a crash.
func (s *segments) Open(info types.SegmentInfo) (types.SegmentReader, error) {
	if info.IndexStart == 0 {
		return s.RecoverTail(info)
	}
	return s.SegmentFiler.Open(info)
}

// Create makes a segment, and remembers why it could not be made.
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
