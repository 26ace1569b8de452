package coordinator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/coordinator/verify"
	"github.com/posse-dev/posse/protocols/possev1"
)

// openings is a replica's own record of what the offers of settled rounds asked, for
// an auditor: the state forgets bids with their round, and the public log has
// commitments alone. It is one file of JSON lines, for the operator's eyes, which may
// be deleted at any time: payments of its rounds can then not be recomputed. A round
// that this replica took on with a snapshot is missing here and is in another
// replica's file. Where bids are public nothing is written.
type openings struct {
	mu   sync.Mutex
	file *os.File
	last map[string]uint64 // newest round written, by experiment
}

func openOpenings(path string) (*openings, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	o := &openings{file: file, last: map[string]uint64{}}
	whole := int64(0)
	if err := o.each(func(line []byte, opened verify.Opening) bool {
		whole += int64(len(line))
		o.last[opened.Experiment] = max(o.last[opened.Experiment], opened.Round)
		return true
	}); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	// A crash may have cut the last line short. The round's other lines are whole or
	// the command is applied again; what can't be read is not kept.
	if err := file.Truncate(whole); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return o, nil
}

// each reads the openings from the file's start, until one can't be read.
func (o *openings) each(f func(line []byte, opened verify.Opening) bool) error {
	if _, err := o.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	reader := bufio.NewReader(o.file)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var opened verify.Opening
		if json.Unmarshal(line, &opened) != nil || !f(line, opened) {
			return nil
		}
	}
}

// settled writes what the newly settled rounds were offered.
func (o *openings) settled(s *state.State) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var text bytes.Buffer
	for _, e := range s.Experiments {
		r := e.Round
		if r == nil || r.Phase != state.Collecting || r.ID <= o.last[e.Name] || e.Rules.BidsPublic || !e.Rules.Paid {
			continue
		}
		for _, offer := range r.Offers {
			line, err := json.Marshal(verify.Opening{Experiment: e.Name, Round: r.ID, Node: offer.Node, Bid: int64(offer.Bid), Nonce: offer.Nonce})
			if err != nil {
				return err
			}
			text.Write(append(line, '\n'))
		}
		o.last[e.Name] = r.ID
	}
	_, err := o.file.Write(text.Bytes())
	return err
}

// read returns at most limit openings from number from on.
func (o *openings) read(from uint64, limit int) (out []*possev1.Opening, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := uint64(0)
	err = o.each(func(_ []byte, opened verify.Opening) bool {
		if at++; at > from {
			out = append(out, &possev1.Opening{Experiment: opened.Experiment, Round: opened.Round, Node: opened.Node, BidMicro: opened.Bid, Nonce: opened.Nonce[:]})
		}
		return len(out) < limit
	})
	return out, err
}

// Openings returns the bids of settled rounds that the log holds as commitments, as far
// as this replica has them.
func (c *Coordinator) Openings() (out []verify.Opening, err error) {
	c.openings.mu.Lock()
	defer c.openings.mu.Unlock()
	err = c.openings.each(func(_ []byte, opened verify.Opening) bool {
		out = append(out, opened)
		return true
	})
	return out, err
}

func (o *openings) sync() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.file.Sync()
}

func (o *openings) close() error {
	err := o.file.Close()
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}
