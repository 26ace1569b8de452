package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

// journal is a file to which batches are appended, each with one sync. A batch is
//
//	"pjb1" length(4) sequence(8) checksum(4) of the body, checksum(4) of the 20 bytes before
//	body: for each write length(4) checksum(4) flags(1) bucket(4+n) key(4+n) value
//
// integers little-endian, checksums CRC-32C, sequence counted from 1 in each file.
// Charges come first. The file is filled with zeros ahead of what is written, so
// that a sync need not write the file's length, too.
type journal struct {
	file      *os.File
	path      string
	number    uint64
	sequence  uint64
	size      int64 // written
	allocated int64
}

const (
	magic     = "pjb1"
	headBytes = 24
	writeHead = 8
	chunk     = 512 << 10 // zeros are written ahead by so much
)

const (
	flagCharge  = 1 << iota // [Write].Charge
	flagDeleted             // Value was nil
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	zeros      [chunk]byte
)

func journalPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("node.journal.%d", number))
}

// newJournal makes an empty journal; it and its name are on the disk.
func newJournal(dir string, number uint64) (*journal, error) {
	path := journalPath(dir, number)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(file.Sync(), syncDir(dir)); err != nil {
		_ = file.Close()
		return nil, err
	}
	return &journal{file: file, path: path, number: number}, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// append writes a batch and returns when it is on the disk.
func (j *journal) append(batch map[place]value) error {
	out := encode(batch, j.sequence+1)
	end := j.size + int64(len(out))
	if end > j.allocated {
		next := (end/chunk + 1) * chunk
		if _, err := j.file.WriteAt(zeros[:next-end], end); err != nil {
			return err
		}
		j.allocated = next
	}
	if _, err := j.file.WriteAt(out, j.size); err != nil {
		return err
	}
	if err := syncData(j.file); err != nil {
		return err
	}
	j.size, j.sequence = end, j.sequence+1
	return nil
}

// remove closes a journal whose content is elsewhere.
func (j *journal) remove(dir string) error {
	return errors.Join(j.file.Close(), os.Remove(j.path), syncDir(dir))
}

// encode is a batch as it stands in a journal.
func encode(batch map[place]value, sequence uint64) []byte {
	n := headBytes
	for p, v := range batch {
		n += writeHead + 9 + len(p.bucket) + len(p.key) + len(v.bytes)
	}
	out := make([]byte, headBytes, n)
	for _, charges := range []bool{true, false} { // what is cut off is at the end
		for p, v := range batch {
			if v.charge == charges {
				out = appendWrite(out, p, v)
			}
		}
	}
	body := out[headBytes:]
	copy(out, magic)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(body)))
	binary.LittleEndian.PutUint64(out[8:], sequence)
	binary.LittleEndian.PutUint32(out[16:], crc32.Checksum(body, castagnoli))
	binary.LittleEndian.PutUint32(out[20:], crc32.Checksum(out[:20], castagnoli))
	return out
}

func appendWrite(out []byte, p place, v value) []byte {
	at := len(out)
	out = append(out, make([]byte, writeHead)...)
	flags := byte(0)
	if v.charge {
		flags |= flagCharge
	}
	if v.bytes == nil {
		flags |= flagDeleted
	}
	out = append(out, flags)
	out = append(binary.LittleEndian.AppendUint32(out, uint32(len(p.bucket))), p.bucket...)
	out = append(binary.LittleEndian.AppendUint32(out, uint32(len(p.key))), p.key...)
	out = append(out, v.bytes...)
	write := out[at+writeHead:]
	binary.LittleEndian.PutUint32(out[at:], uint32(len(write)))
	binary.LittleEndian.PutUint32(out[at+4:], crc32.Checksum(write, castagnoli))
	return out
}

// readWrites returns the writes at the start of body that are whole, and whether
// that is all of it.
func readWrites(body []byte) (writes []Write, whole bool) {
	for len(body) > 0 {
		if len(body) < writeHead {
			return writes, false
		}
		n := uint64(binary.LittleEndian.Uint32(body))
		if n > uint64(len(body)-writeHead) {
			return writes, false
		}
		text := body[writeHead : writeHead+n]
		if crc32.Checksum(text, castagnoli) != binary.LittleEndian.Uint32(body[4:]) {
			return writes, false
		}
		w, ok := readWrite(text)
		if !ok {
			return writes, false
		}
		writes, body = append(writes, w), body[writeHead+n:]
	}
	return writes, true
}

func readWrite(text []byte) (w Write, ok bool) {
	if len(text) == 0 || text[0]&^(flagCharge|flagDeleted) != 0 {
		return w, false
	}
	flags, text := text[0], text[1:]
	field := func() []byte {
		if len(text) < 4 || uint64(len(text)-4) < uint64(binary.LittleEndian.Uint32(text)) {
			ok = false
			return nil
		}
		n := 4 + int(binary.LittleEndian.Uint32(text))
		out := text[4:n:n]
		text = text[n:]
		return out
	}
	ok = true
	w.Bucket, w.Key = string(field()), field()
	w.Charge = flags&flagCharge != 0
	if flags&flagDeleted == 0 {
		w.Value = text[:len(text):len(text)]
	} else if len(text) > 0 {
		return Write{}, false
	}
	return w, ok
}

// head is the head of a batch at the start of data.
type head struct {
	length   uint64
	sequence uint64
	checksum uint32
}

func readHead(data []byte) (h head, ok bool) {
	if len(data) < headBytes || string(data[:4]) != magic ||
		crc32.Checksum(data[:20], castagnoli) != binary.LittleEndian.Uint32(data[20:]) {
		return h, false
	}
	return head{
		uint64(binary.LittleEndian.Uint32(data[4:])), binary.LittleEndian.Uint64(data[8:]), binary.LittleEndian.Uint32(data[16:]),
	}, true
}

// body returns the batch's body, if it is whole.
func (h head) body(data []byte) ([]byte, bool) {
	if h.length > uint64(len(data)-headBytes) {
		return nil, false
	}
	body := data[headBytes : headBytes+h.length]
	return body, crc32.Checksum(body, castagnoli) == h.checksum
}

// errCut is behind a journal that is damaged before its last batch: that is no
// crash, since a batch is begun only when the one before is on the disk.
var errCut = errors.New("a batch in the middle is not what was written")

// replay returns what a journal says, in order. Of a batch that a crash cut, and
// which therefore was acknowledged to nobody, the charges that are whole are kept:
// they cost budget and give none back. torn reports whether there was one.
func replay(data []byte) (writes []Write, torn bool, err error) {
	for sequence := uint64(1); ; sequence++ {
		if len(bytes.TrimLeft(data, "\x00")) == 0 {
			return writes, false, nil
		}
		h, ok := readHead(data)
		if ok && h.sequence == sequence {
			if body, ok := h.body(data); ok {
				batch, whole := readWrites(body)
				if !whole {
					return nil, false, errCut // its checksum is right and it is no batch of ours
				}
				writes, data = append(writes, batch...), data[headBytes+h.length:]
				continue
			}
		}
		end := uint64(len(data))
		if ok && h.sequence == sequence {
			end = min(end, headBytes+h.length)
		}
		if later(data, sequence) || len(bytes.TrimLeft(data[end:], "\x00")) > 0 {
			return nil, false, errCut // something was written after it
		}
		cut, _ := readWrites(data[min(headBytes, len(data)):])
		for _, w := range cut {
			if w.Charge {
				writes = append(writes, w)
			}
		}
		return writes, true, nil
	}
}

// later reports whether a whole batch follows that was not begun before sequence was
// on the disk.
func later(data []byte, sequence uint64) bool {
	for {
		at := bytes.Index(data, []byte(magic))
		if at < 0 {
			return false
		}
		data = data[at:]
		if h, ok := readHead(data); ok && h.sequence >= sequence {
			if _, ok := h.body(data); ok {
				return true
			}
		}
		data = data[1:]
	}
}
