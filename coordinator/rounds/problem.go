package rounds

import (
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/experiment"
)

// problem is an experiment's file, read, and the shared half of its policy. The
// leader asks it what a claim is worth and what comes next, and never what is learnt.
type problem struct {
	revision    uint64
	file        *experiment.Experiment
	shared      mechanisms.Shared
	descriptors map[[32]byte]mechanisms.Descriptor
}

// problem returns the experiment as its file says it, read once a revision.
func (t *turn) problem(e *state.Experiment) (*problem, error) {
	if p := t.problems[e.Name]; p != nil && p.revision == e.Revision {
		return p, nil
	}
	p, err := newProblem(t.config.Catalogue, e)
	if err != nil {
		return nil, err
	}
	t.problems[e.Name] = p
	return p, nil
}

func newProblem(c catalogue.Catalogue, e *state.Experiment) (*problem, error) {
	file, err := experiment.Read(e.Name, e.File)
	if err != nil {
		return nil, err
	}
	shared, err := c.Shared(file.Policy.Name, file.Settings())
	if err != nil {
		return nil, err
	}
	return &problem{revision: e.Revision, file: file, shared: shared, descriptors: map[[32]byte]mechanisms.Descriptor{}}, nil
}

// descriptor returns a descriptor that was ever in force, decoded.
func (p *problem) descriptor(e *state.Experiment, digest [32]byte) (mechanisms.Descriptor, error) {
	if d, known := p.descriptors[digest]; known {
		return d, nil
	}
	at := slices.IndexFunc(e.Descriptors, func(d state.Descriptor) bool { return d.Digest == digest })
	if at < 0 {
		return mechanisms.Descriptor{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "MALFORMED", Field: "leaves.descriptor",
			Message: "the descriptor was never in force", Hint: "offer windows of this experiment",
		}
	}
	d, err := mechanisms.DecodeDescriptor(e.Descriptors[at].Bytes)
	if err == nil {
		p.descriptors[digest] = d
	}
	return d, err
}

// claim decodes one leaf's claim and holds it to the descriptor's layout: exactly
// the claim blocks, of the right shape.
func (p *problem) claim(e *state.Experiment, digest [32]byte, raw []byte) (mechanisms.Descriptor, *statistics.Set, error) {
	d, err := p.descriptor(e, digest)
	if err != nil {
		return d, nil, err
	}
	claim, err := statistics.Decode(raw)
	if err != nil {
		return d, nil, malformed("leaves.claim")
	}
	if !d.Layout.Claim(d.Layout.Empty()).SameShape(claim) {
		return d, nil, malformed("leaves.claim")
	}
	return d, claim, nil
}

// worth is the information of an offer: the sum over its leaves.
func (p *problem) worth(e *state.Experiment, o *state.Offer) (statistics.Information, error) {
	var total statistics.Information
	for _, leaf := range o.Leaves {
		d, claim, err := p.claim(e, leaf.Descriptor, leaf.Claim)
		if err != nil {
			return total, err
		}
		if total, err = p.plus(total, d, claim); err != nil {
			return total, err
		}
	}
	return total, total.Valid()
}

func (p *problem) plus(total statistics.Information, d mechanisms.Descriptor, claim *statistics.Set) (statistics.Information, error) {
	more, err := p.shared.Information(d, claim)
	if err != nil || total.Dimension() == 0 {
		return more, err
	}
	return total.Add(more)
}

// prior is what is known before a round: the identity plus everything published.
func (p *problem) prior(parts []*state.Part, e *state.Experiment) (statistics.Information, error) {
	var published statistics.Information
	for _, part := range parts {
		d, err := p.descriptor(e, part.Descriptor.Digest)
		if err != nil {
			return published, err
		}
		if published, err = p.plus(published, d, d.Layout.Claim(part.Sum)); err != nil {
			return published, err
		}
	}
	ones := statistics.Counts(slices.Repeat([]float64{1}, p.shared.Dimension())...)
	if published.Dimension() == 0 {
		return p.like(ones, e)
	}
	published, err := published.Repair(0, 0) // noise may leave a negative count
	if err != nil {
		return published, err
	}
	if !published.Diagonal() {
		ones = ones.Dense()
	}
	return published.Add(ones)
}

// like returns the identity in the kind that the policy's information has.
func (p *problem) like(ones statistics.Information, e *state.Experiment) (statistics.Information, error) {
	d, err := p.descriptor(e, e.Initial().Digest)
	if err != nil {
		return ones, err
	}
	nothing, err := p.shared.Information(d, d.Layout.Claim(d.Layout.Empty()))
	if err == nil && !nothing.Diagonal() {
		ones = ones.Dense()
	}
	return ones, err
}

// model turns parts into the model that policies read.
func (p *problem) model(e *state.Experiment, version uint64, parts []*state.Part) (mechanisms.Model, error) {
	m := mechanisms.Model{Version: version}
	for _, part := range parts {
		d, err := p.descriptor(e, part.Descriptor.Digest)
		if err != nil {
			return m, err
		}
		m.Parts = append(m.Parts, mechanisms.Part{Descriptor: d, Releases: part.Releases, Sum: part.Sum})
	}
	return m, nil
}

func malformed(field string) error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "MALFORMED", Field: field, Message: field + " is malformed",
		Hint: "send what the window's descriptor asks for",
	}
}
