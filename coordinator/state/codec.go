package state

import (
	"encoding/binary"
	"errors"
)

// codec writes or reads the canonical bytes of a state. Every type has one function
// that does both, so that what is written and what is read can't differ: fields in a
// fixed order, integers little-endian, lengths as uint32, nothing optional.
type codec struct {
	out     []byte // while writing
	in      []byte // while reading
	reading bool
	err     error
}

// errDamaged hides where reading stopped: the bytes are not ours then.
var errDamaged = errors.New("the state's bytes are damaged")

// listMax bounds every length that is read.
const listMax = 1 << 28

func (c *codec) take(n int) []byte {
	if c.err != nil || n > len(c.in) {
		c.err = errDamaged
		return make([]byte, min(n, 8))
	}
	b := c.in[:n]
	c.in = c.in[n:]
	return b
}

func (c *codec) u64(v *uint64) {
	if c.reading {
		*v = binary.LittleEndian.Uint64(c.take(8))
		return
	}
	c.out = binary.LittleEndian.AppendUint64(c.out, *v)
}

func number[T ~int64 | ~int | ~int32 | ~uint32](c *codec, v *T) {
	u := uint64(*v)
	c.u64(&u)
	if *v = T(u); uint64(*v) != u {
		c.err = errDamaged
	}
}

func (c *codec) boolean(v *bool) {
	if c.reading {
		b := c.take(1)[0]
		if b > 1 {
			c.err = errDamaged
		}
		*v = b == 1
		return
	}
	if *v {
		c.out = append(c.out, 1)
	} else {
		c.out = append(c.out, 0)
	}
}

func (c *codec) length(n int) int {
	if c.reading {
		n := binary.LittleEndian.Uint32(c.take(4))
		if n > listMax || uint64(n) > uint64(len(c.in)) {
			c.err = errDamaged
			return 0
		}
		return int(n)
	}
	c.out = binary.LittleEndian.AppendUint32(c.out, uint32(n))
	return n
}

func (c *codec) bytes(v *[]byte) {
	n := c.length(len(*v))
	if c.reading {
		*v = nil
		if b := c.take(n); n > 0 && c.err == nil {
			*v = append([]byte(nil), b...)
		}
		return
	}
	c.out = append(c.out, *v...)
}

func text[T ~string](c *codec, v *T) {
	n := c.length(len(*v))
	if c.reading {
		*v = ""
		if b := c.take(n); c.err == nil {
			*v = T(b)
		}
		return
	}
	c.out = append(c.out, *v...)
}

func (c *codec) hash(v *[32]byte) {
	if c.reading {
		copy(v[:], c.take(32))
		return
	}
	c.out = append(c.out, v[:]...)
}

// list writes or reads a list, each item by f. Every item takes at least one byte,
// so that a length beyond the input is refused before anything is allocated.
func list[T any](c *codec, v *[]T, f func(*codec, *T)) {
	n := c.length(len(*v))
	if c.reading {
		*v = nil
		for range n {
			var item T
			f(c, &item)
			if c.err != nil {
				return
			}
			*v = append(*v, item)
		}
		return
	}
	for i := range *v {
		f(c, &(*v)[i])
	}
}

// pointers is list for items that are held by pointer.
func pointers[T any](c *codec, v *[]*T, f func(*codec, *T)) {
	list(c, v, func(c *codec, item **T) {
		if c.reading {
			*item = new(T)
		}
		f(c, *item)
	})
}
