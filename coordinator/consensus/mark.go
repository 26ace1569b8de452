package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A mark says how far the log is known to reach, so that a log that ends earlier
// is seen. The file holds two slots that are written in turn; each has its own
// checksum, and a torn write spoils one slot only.
//
//	"PSMK" | sequence u64 | index u64 | term u64 | sum u32 | floor u64 | CRC-32C u32      big endian
const (
	markName  = "mark"
	markMagic = "PSMK"
	slotSize  = 44
	slotPlace = 512 // a sector each
)

// mark is one statement: the entry at index has this term and checksum, and
// everything up to floor was taken out of the log because a snapshot holds it.
// index 0 means that the log may be empty.
type mark struct {
	sequence uint64
	index    uint64
	term     uint64
	sum      uint32
	floor    uint64
}

func (m mark) encode() []byte {
	b := append(make([]byte, 0, slotSize), markMagic...)
	b = binary.BigEndian.AppendUint64(b, m.sequence)
	b = binary.BigEndian.AppendUint64(b, m.index)
	b = binary.BigEndian.AppendUint64(b, m.term)
	b = binary.BigEndian.AppendUint32(b, m.sum)
	b = binary.BigEndian.AppendUint64(b, m.floor)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func decodeMark(b []byte) (mark, bool) {
	if len(b) != slotSize || string(b[:4]) != markMagic ||
		crc32.Checksum(b[:slotSize-4], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b[slotSize-4:]) {
		return mark{}, false
	}
	return mark{
		sequence: binary.BigEndian.Uint64(b[4:]), index: binary.BigEndian.Uint64(b[12:]),
		term: binary.BigEndian.Uint64(b[20:]), sum: binary.BigEndian.Uint32(b[28:]),
		floor: binary.BigEndian.Uint64(b[32:]),
	}, true
}

// markFile is the open file. It is used by one goroutine at a time.
type markFile struct {
	f    *os.File
	last mark
}

// openMark opens the mark in dir. fresh says that there was none; then one is made
// that promises nothing.
func openMark(dir string) (m *markFile, fresh bool, err error) {
	path := filepath.Join(dir, markName)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		m, err = createMark(dir, path)
		return m, true, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("open mark: %w", err)
	}
	m = &markFile{f: f}
	found := false
	for slot := range int64(2) {
		b := make([]byte, slotSize)
		if _, err := f.ReadAt(b, slot*slotPlace); err != nil && !errors.Is(err, io.EOF) {
			return nil, false, errors.Join(fmt.Errorf("read mark: %w", err), f.Close())
		}
		if s, ok := decodeMark(b); ok && (!found || s.sequence > m.last.sequence) {
			m.last, found = s, true
		}
	}
	if !found {
		return nil, false, errors.Join(errMarkUnreadable, f.Close())
	}
	return m, false, nil
}

var errMarkUnreadable = errors.New("both slots of the mark are damaged")

// createMark makes the file whole or not at all.
func createMark(dir, path string) (*markFile, error) {
	f, err := os.CreateTemp(dir, ".mark-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("create mark: %w", err)
	}
	m := &markFile{f: f}
	if err := m.lower(mark{}); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return nil, errors.Join(fmt.Errorf("create mark: %w", err), f.Close())
	}
	return m, syncDir(dir)
}

// raise makes a later statement durable: one slot, one fsync.
func (m *markFile) raise(next mark) error {
	next.sequence = m.last.sequence + 1
	if _, err := m.f.WriteAt(next.encode(), int64(next.sequence%2)*slotPlace); err != nil {
		return fmt.Errorf("write mark: %w", err)
	}
	if err := m.f.Sync(); err != nil {
		return fmt.Errorf("sync mark: %w", err)
	}
	m.last = next
	return nil
}

// lower makes a statement durable that promises less than the last one. Both slots
// get it: otherwise a later torn write would bring the old promise back, and a
// sound log would be refused.
func (m *markFile) lower(next mark) error {
	if err := m.raise(next); err != nil {
		return err
	}
	return m.raise(next)
}

func (m *markFile) close() error { return m.f.Close() }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
