package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/posse-dev/posse"
)

// base is the bbolt file and what the journals hold beyond it. A journal that has
// grown is moved into the file in the background, while commits go to the next one.
//
// The file says which journal goes on where it ends, so none can be missing, come
// twice or belong to another file. After a Close it needs none.
type base struct {
	db  *bbolt.DB
	dir string

	mu     sync.RWMutex
	recent map[place]value // in the current journal
	older  map[place]value // in the one that is being moved
	err    error           // of the mover, final

	spare chan *journal // the next one, offered while none is being moved
	grown chan *journal // to be moved
	quit  chan struct{}
	ended sync.WaitGroup
}

const (
	moveAt     = 4 << 20 // bytes of a journal
	bucketMark = "journal"
	keyMark    = "from" // number(8), then 1 where the journal of that number must be there
)

// mark is where the file ends.
type mark struct {
	number uint64
	needed bool
}

// openBase brings the file up to date with its journals, and starts an empty one.
func openBase(db *bbolt.DB, dir string) (*base, *journal, error) {
	m, marked, err := readMark(db)
	if err != nil {
		return nil, nil, err
	}
	numbers, err := journals(dir)
	if err != nil {
		return nil, nil, err
	}
	writes, next, err := replayAll(dir, m, marked, numbers)
	if err != nil {
		return nil, nil, err
	}
	j, err := newJournal(dir, next)
	if err != nil {
		return nil, nil, err
	}
	b := &base{db: db, dir: dir, recent: map[place]value{}, spare: make(chan *journal), grown: make(chan *journal, 1), quit: make(chan struct{})}
	if err := b.update(writes, mark{next, true}); err != nil {
		return nil, nil, errors.Join(err, j.file.Close())
	}
	for _, n := range numbers {
		if n != next {
			err = errors.Join(err, os.Remove(journalPath(dir, n)))
		}
	}
	if err := errors.Join(err, syncDir(dir)); err != nil {
		return nil, nil, errors.Join(err, j.file.Close())
	}
	b.ended.Add(1)
	go b.move(next + 1)
	return b, j, nil
}

func readMark(db *bbolt.DB) (m mark, marked bool, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucketMark))
		if b == nil {
			return nil
		}
		v := b.Get([]byte(keyMark))
		if len(v) != 9 || v[8] > 1 {
			return damaged("its mark is not readable", nil)
		}
		m, marked = mark{binary.LittleEndian.Uint64(v), v[8] == 1}, true
		return nil
	})
	return m, marked, err
}

// journals returns the numbers of the journals in dir, ascending.
func journals(dir string) (numbers []uint64, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "node.journal.*"))
	for _, p := range paths {
		if n, err := strconv.ParseUint(p[strings.LastIndexByte(p, '.')+1:], 10, 63); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, err
}

// replayAll returns what the journals say beyond the file, and a number that none has.
func replayAll(dir string, m mark, marked bool, numbers []uint64) (writes map[place]value, next uint64, err error) {
	writes, next = map[place]value{}, max(1, m.number)
	torn, there := false, false
	for _, n := range numbers {
		if n < m.number {
			continue // in the file already
		}
		data, err := os.ReadFile(journalPath(dir, n))
		if err != nil {
			return nil, 0, err
		}
		list, cut, err := replay(data)
		if err != nil {
			return nil, 0, damaged("journal "+strconv.FormatUint(n, 10)+" is damaged", err)
		}
		written := cut || len(list) > 0
		switch {
		case written && !m.needed:
			return nil, 0, damaged("journal "+strconv.FormatUint(n, 10)+" belongs to another node.db", nil)
		case written && torn:
			return nil, 0, damaged("the journal before "+strconv.FormatUint(n, 10)+" was cut", nil)
		case n > next && m.needed:
			return nil, 0, damaged("journal "+strconv.FormatUint(next, 10)+" is missing", nil)
		}
		torn, there = torn || cut, there || n == m.number
		for _, w := range list {
			writes[place{w.Bucket, string(w.Key)}] = value{w.Value, w.Charge}
		}
		next = n + 1
	}
	if marked && m.needed && !there {
		return nil, 0, damaged("journal "+strconv.FormatUint(m.number, 10)+" is missing", nil)
	}
	return writes, next, nil
}

// damaged is a directory in which budgets would be lost.
func damaged(what string, cause error) error {
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: "LOG_DAMAGED", Field: "dir", Value: what, Allowed: "node.db and all its journals, as the node left them",
		Message: "the node's store is damaged, and what users have spent may be lost",
		Hint:    "put the whole directory back as it was; a node that starts anew needs new pseudonyms and a new name", Cause: cause,
	}
}

// update makes writes true in the file, and says where it ends then.
func (b *base) update(writes map[place]value, m mark) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		for p, v := range writes {
			bucket, err := tx.CreateBucketIfNotExists([]byte(p.bucket))
			if err != nil {
				return err
			}
			if v.bytes == nil {
				err = bucket.Delete([]byte(p.key))
			} else {
				err = bucket.Put([]byte(p.key), v.bytes)
			}
			if err != nil {
				return err
			}
		}
		bucket, err := tx.CreateBucketIfNotExists([]byte(bucketMark))
		if err != nil {
			return err
		}
		needed := byte(0)
		if m.needed {
			needed = 1
		}
		return bucket.Put([]byte(keyMark), append(binary.LittleEndian.AppendUint64(nil, m.number), needed))
	})
}

// committed takes note of a batch that is in the journal, and returns the journal
// for the next one. It is called by one goroutine.
func (b *base) committed(batch map[place]value, j *journal) (*journal, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return j, b.err
	}
	maps.Copy(b.recent, batch)
	if j.size < moveAt {
		return j, nil
	}
	select {
	case next := <-b.spare:
		b.older, b.recent = b.recent, map[place]value{}
		b.grown <- j
		return next, nil
	default: // the disk is behind, and the journal grows on
		return j, nil
	}
}

// move is the mover's goroutine. next is the number of the journal that it makes first.
func (b *base) move(next uint64) {
	defer b.ended.Done()
	for ; ; next++ {
		spare, err := newJournal(b.dir, next)
		if err != nil {
			b.fail(err)
			return
		}
		select {
		case <-b.quit:
			if err := spare.remove(b.dir); err != nil {
				b.fail(err)
			}
			return
		case b.spare <- spare:
		}
		grown := <-b.grown
		// nobody changes older while it is there
		if err := b.update(b.older, mark{next, true}); err != nil {
			b.fail(err)
			return
		}
		b.mu.Lock()
		b.older = nil
		b.mu.Unlock()
		if err := grown.remove(b.dir); err != nil {
			b.fail(err)
			return
		}
	}
}

func (b *base) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

// close moves the last journal into the file, unless the store has failed: then
// what is on the disk is left as it is.
func (b *base) close(j *journal, whole bool) error {
	close(b.quit)
	b.ended.Wait()
	err := b.err
	switch {
	case err != nil || !whole:
		err = errors.Join(err, j.file.Close())
	default:
		if err = b.update(b.recent, mark{j.number + 1, false}); err != nil {
			err = errors.Join(err, j.file.Close())
		} else {
			err = j.remove(b.dir)
		}
	}
	return errors.Join(err, b.db.Close())
}

// each calls f for every key of a bucket, in order.
func (b *base) each(bucket string, f func(key, value []byte) error) error {
	b.mu.RLock()
	beyond := map[string][]byte{}
	for _, m := range []map[place]value{b.older, b.recent} {
		for p, v := range m {
			if p.bucket == bucket {
				beyond[p.key] = v.bytes
			}
		}
	}
	tx, err := b.db.Begin(false) // of the same moment
	b.mu.RUnlock()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it reads only
	keys := slices.Sorted(maps.Keys(beyond))
	var k, v []byte
	cursor := func() {}
	if in := tx.Bucket([]byte(bucket)); in != nil {
		c := in.Cursor()
		k, v = c.First()
		cursor = func() { k, v = c.Next() }
	}
	for k != nil || len(keys) > 0 {
		if len(keys) == 0 || k != nil && bytes.Compare(k, []byte(keys[0])) < 0 {
			if err := f(k, v); err != nil {
				return err
			}
			cursor()
			continue
		}
		key := keys[0]
		keys = keys[1:]
		if k != nil && string(k) == key {
			cursor()
		}
		if is := beyond[key]; is != nil {
			if err := f([]byte(key), is); err != nil {
				return err
			}
		}
	}
	return nil
}
