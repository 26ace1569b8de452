package noise

// Source gives independent uniform 64-bit words. It is sealed: [Secure],
// [Seeded] and [Philox] are the only implementations, so that what protects
// people can be told from what simulates by its type.
type Source interface {
	Uint64() uint64
	sealed()
}

// stream reads words for one call of a sampler from a local buffer, so that the
// lock and the dynamic call of a Source are paid once for many words. What is
// drawn and not used is thrown away: words are never read twice.
type stream struct {
	src  Source
	want int // words to ask for when empty
	pos  int
	end  int

	signs uint64 // unused random bits
	bits  uint   // how many of them

	// tail holds the digits after the first of the last real drawn by
	// exponential, where a comparison needed them. Nearly always empty.
	tail []uint64
	// narrow, when not 0, makes digits of that many bits instead of 64. Only
	// tests set it: they enumerate all sequences of short digits.
	narrow uint

	words [256]uint64
}

// reset starts the stream on src for a call that needs about want words.
func (s *stream) reset(src Source, want int) {
	s.src, s.want = src, min(max(want, 8), len(s.words))
}

// next returns one uniform digit: 64 bits outside tests.
func (s *stream) next() uint64 {
	if s.pos == s.end {
		s.refill()
	}
	w := s.words[s.pos&255]
	s.pos++
	return w
}

func (s *stream) refill() {
	n := s.want
	switch src := s.src.(type) { // concrete calls keep the buffer on the stack
	case Secure:
		src.fill(s.words[:n])
	case *Philox:
		src.Fill(s.words[:n])
	case *Seeded:
		for i := range n {
			s.words[i] = src.Uint64()
		}
	default:
		n = 1 // a test's source, which may count or end: ask for what is needed
		s.words[0] = s.src.Uint64()
	}
	s.pos, s.end = 0, n
}

// coin returns one fair bit.
func (s *stream) coin() bool {
	if s.bits == 0 {
		s.signs, s.bits = s.next(), s.digitBits()
	}
	b := s.signs & 1
	s.signs >>= 1
	s.bits--
	return b == 1
}

func (s *stream) digitBits() uint {
	if s.narrow != 0 {
		return s.narrow
	}
	return 64
}

// wipe forgets the words, so that a dump of memory does not show noise that is
// already out.
func (s *stream) wipe() {
	clear(s.words[:s.end])
	clear(s.tail)
	s.signs, s.bits, s.pos, s.end, s.tail = 0, 0, 0, 0, nil
}
