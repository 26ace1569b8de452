package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// input is what one load needs: its options, its refusals and the hash of every
// byte that was read.
type input struct {
	refusals
	options Options
	columns Columns
	path    string
	digest  hash.Hash
}

func (in *input) start() { in.digest = sha256.New() }

func (in *input) sum() string { return hex.EncodeToString(in.digest.Sum(nil)) }

// file is an open file of the set. Reading it to the end hashes it.
type file struct {
	io.Reader
	name   string // as shown in errors: the path that the caller gave, and below
	os     *os.File
	packed io.Reader // every byte that comes through here is hashed
	end    func()    // of the unpacking; nil: there is none
}

// open opens a file below the path of the set. A suffix .gz or .zst is unpacked on
// the way; the hash is of the packed bytes.
func (in *input) open(path string) (*file, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, missing(path, "a file of the data set", err)
	}
	_, _ = io.WriteString(in.digest, filepath.Base(path)+"\x00") // a hash never fails
	packed := io.TeeReader(f, in.digest)
	out := &file{name: path, os: f, Reader: packed, packed: packed}
	kind := ""
	switch {
	case strings.HasSuffix(path, ".gz"):
		kind = "gzip"
		out.Reader, err = gzip.NewReader(bufio.NewReader(packed))
	case strings.HasSuffix(path, ".zst"):
		kind = "zstd"
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bufio.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow)); err == nil {
			out.Reader, out.end = z, z.Close
		}
	}
	if err != nil {
		_ = f.Close() // only read from
		return nil, place{file: path, line: 1}.malformed("this is no "+kind+" file", kind+", or another suffix", "")
	}
	return out, nil
}

// maxWindow bounds what unpacking zstd may hold.
const maxWindow = 256 << 20

// unpacked is a file's name without the suffix of how it is packed.
func unpacked(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
}

// finish hashes what is left of the file.
func (f *file) finish() error {
	if _, err := io.Copy(io.Discard, f.packed); err != nil {
		return readFailed(place{file: f.name, line: 1}, err)
	}
	return nil
}

// Close closes the file; it was only read from, so an error has no meaning.
func (f *file) Close() {
	if f.end != nil {
		f.end()
	}
	_ = f.os.Close()
}

// readFailed turns an error of a reader that is no error of the content into one
// that names the place.
func readFailed(at place, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, zstd.ErrCRCMismatch) || errors.Is(err, zstd.ErrMagicMismatch) {
		return at.cut()
	}
	e := at.malformed("the file can't be read on", "", "")
	e.Cause = err
	return e
}

// find returns the one file of the path: itself if it is a file, else the one
// with the suffix (or the suffix and .gz) in the folder. A preferred base name
// wins over others.
func (in *input) find(suffix, preferred string) (string, error) {
	info, err := os.Stat(in.path)
	if err != nil {
		return "", missing(in.path, "the data set", err)
	}
	if !info.IsDir() {
		return in.path, nil
	}
	entries, err := os.ReadDir(in.path)
	if err != nil {
		return "", missing(in.path, "the folder of the data set", err)
	}
	var found, folders []string
	for _, e := range entries {
		name := unpacked(e.Name())
		switch {
		case e.IsDir():
			folders = append(folders, filepath.Join(in.path, e.Name()))
		case name == preferred+suffix:
			return filepath.Join(in.path, e.Name()), nil
		case strings.HasSuffix(name, suffix):
			found = append(found, filepath.Join(in.path, e.Name()))
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	e := missing(in.path, "the data set: the folder must hold one *"+suffix+" file", nil)
	e.Value, e.Allowed = countOf(len(found), suffix+" file"), "a folder with one "+suffix+" file, or the path of a file"
	switch {
	case len(found) > 1:
		e.Hint = "name one of them: " + strings.Join(found, ", ")
	case len(folders) > 0:
		e.Hint = "there are folders in it: " + strings.Join(folders, ", ")
	}
	return "", e
}

// lines reads lines of at most maxLineBytes, counting them.
type lines struct {
	r          *bufio.Reader
	file       string
	line       int
	terminated bool // the last line read ended with a newline
	buffer     []byte
}

func newLines(r io.Reader, name string) *lines {
	return &lines{r: bufio.NewReaderSize(r, 64<<10), file: name}
}

// next returns a line without its end, valid until the next call, and io.EOF
// after the last. A byte order mark before the first line is dropped.
func (l *lines) next() ([]byte, error) {
	l.buffer, l.line = l.buffer[:0], l.line+1
	for {
		chunk, err := l.r.ReadSlice('\n')
		l.buffer = append(l.buffer, chunk...)
		if len(l.buffer) > maxLineBytes {
			return nil, place{file: l.file, line: l.line}.bad("LIMIT_EXCEEDED", "", "the line is too long", "", "at most 1 MiB", "")
		}
		switch {
		case err == nil:
			l.terminated = true
			return l.trimmed(), nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			if len(l.buffer) == 0 {
				return nil, io.EOF
			}
			l.terminated = false
			return l.trimmed(), nil
		default:
			return nil, readFailed(place{file: l.file, line: l.line}, err)
		}
	}
}

func (l *lines) trimmed() []byte {
	b := l.buffer
	if l.line == 1 {
		b = bytes.TrimPrefix(b, []byte(byteOrderMark))
	}
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}
