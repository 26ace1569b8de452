package experiment

import (
	"fmt"
	"slices"

	"github.com/posse-dev/posse"
)

// Block is one map of a strict file, for formats that embed an experiment: the same
// reading rules, the same errors. Its accessors report what is wrong by themselves
// and then return the zero value; a key that no accessor asked for is an unknown
// field. A block that is absent answers as an empty one.
type Block struct{ b *block }

// ReadDocument reads a file of the given fields with the rules of [Read]. The
// function read takes what it wants of the top; every map is ended after it, so that what is
// left is an unknown field. kind is the word that the file's kind must be. The
// error is as Read's.
func ReadDocument(name string, data []byte, fields []Field, read func(top *Block)) error {
	root, problems := parse(data)
	r := &reader{fields: map[string]Field{}, problems: problems, embeds: true}
	for _, f := range fields {
		r.fields[f.Path] = f
	}
	if root != nil {
		if root.kind != mapValue {
			r.report(&posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_TYPE", Message: "the file must be a map of fields, got " + root.kind.String(),
			}, root.line, root.column)
		} else {
			top := r.block("", root, root.line, root.column)
			read(&Block{top})
			top.end()
		}
	}
	if len(r.problems) > 0 {
		return joined(name, once(r.problems))
	}
	return nil
}

// once drops problems that were found twice: an embedded experiment is read once for each policy.
func once(problems []*posse.Error) []*posse.Error {
	var out []*posse.Error
	for _, p := range problems {
		if !slices.ContainsFunc(out, func(o *posse.Error) bool {
			return o.Line == p.Line && o.Column == p.Column && o.Message == p.Message
		}) {
			out = append(out, p)
		}
	}
	return out
}

// EmbeddedFields returns the rows of an experiment's blocks inside the block of a
// path: without apiVersion, kind and metadata, with privacy.model none and with a
// policy that may be absent.
func EmbeddedFields(path string) []Field {
	var out []Field
	for _, f := range Fields() {
		switch f.Path {
		case "apiVersion", "kind", "metadata", "metadata.name", "metadata.description":
			continue
		case "privacy.model":
			f.Range += " | none"
		case "policy":
			f.Required = false
		}
		f.Path = join(path, f.Path)
		out = append(out, f)
	}
	return out
}

// PolicyFields returns the rows of a policy inside a path.
func PolicyFields(path string) []Field {
	var out []Field
	for _, f := range Fields() {
		switch f.Path {
		case "policy.name", "policy.guarantee", "policy.params", "policy.params.bonus", "policy.params.kappa":
			f.Path = join(path, f.Path[len("policy."):])
			out = append(out, f)
		}
	}
	return out
}

// Present reports whether the block is written.
func (b *Block) Present() bool { return b.b.node != nil }

// Has reports whether a key is written, with a good value or a bad one.
func (b *Block) Has(key string) bool { return b.b.has(key) }

// End reports the keys that nobody asked for.
func (b *Block) End() { b.b.end() }

// Child returns a block inside this one. The caller ends it.
func (b *Block) Child(key string) *Block { return &Block{b.b.child(key)} }

// Blocks returns a list of maps. The caller ends each.
func (b *Block) Blocks(key string) []*Block {
	list := b.b.value(key, listValue)
	if list == nil {
		return nil
	}
	var out []*Block
	for i, item := range list.items {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case item == nil: // reported where it was read
		case item.kind != mapValue:
			b.b.wrongType(at, mapValue.String(), item)
		default:
			out = append(out, &Block{b.b.r.block(join(b.b.path, at), item, item.line, item.column)})
		}
	}
	return out
}

// Word returns one of the field's words, or the default when it is absent.
func (b *Block) Word(key, byDefault string) string { return b.b.wordOr(key, byDefault) }

// Words returns a list of distinct words of the field.
func (b *Block) Words(key string) []string {
	list := b.b.value(key, listValue)
	if list == nil {
		return nil
	}
	words := b.b.r.field(join(b.b.path, key)).words()
	var out []string
	for i, item := range list.items {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case item == nil:
		case item.kind != stringValue:
			b.b.wrongType(at, stringValue.String(), item)
		case !slices.Contains(words, item.text):
			b.b.unknownWord(at, item, words)
		case slices.Contains(out, item.text):
			b.b.outOfRange(at, item, fmt.Sprintf("%s is written twice in %s", item.text, join(b.b.path, key)))
		default:
			out = append(out, item.text)
		}
	}
	return out
}

// Text returns a string of at most so many characters.
func (b *Block) Text(key string, most int) string { return b.b.text(key, most) }

// Metadata returns the name and the description.
func (b *Block) Metadata() (name, description string) { return b.b.metadata() }

// Integer returns a whole number in the field's range, and whether it is written.
func (b *Block) Integer(key string) (int64, bool) { return b.b.integer(key) }

// Number returns an exact number in the field's range, and whether it is written.
func (b *Block) Number(key string) (Decimal, bool) { return b.b.decimal(key) }

// Numbers returns a list of exact numbers, each in the field's range; a single
// number is a list of one.
func (b *Block) Numbers(key string) []Decimal {
	if e := b.b.entry(key); e != nil && e.value != nil && e.value.kind == numberValue {
		if d, ok := b.b.decimal(key); ok {
			return []Decimal{d}
		}
		return nil
	}
	list := b.b.value(key, listValue)
	if list == nil {
		return nil
	}
	allowed := parseInterval(b.b.r.field(join(b.b.path, key)).Range)
	var out []Decimal
	for i, item := range list.items {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case item == nil:
		case item.kind != numberValue:
			b.b.wrongType(at, numberValue.String(), item)
		default:
			if d, ok := b.b.number(at, item, allowed); ok {
				out = append(out, d)
			}
		}
	}
	return out
}

// Missing reports a field that another one demands.
func (b *Block) Missing(key, why string) { b.b.missing(key, why) }

// NotApplicable refuses a key, if it is written, that does nothing here.
func (b *Block) NotApplicable(key, to string) { b.b.notApplicable(key, to) }

// Refuse reports a problem at a key of this block: its place is filled in, and its
// field where it names none.
func (b *Block) Refuse(key string, p *posse.Error) {
	if p.Field == "" {
		p.Field = join(b.b.path, key)
	}
	line, column := b.b.place(key)
	b.b.r.report(p, line, column)
}

// Report reports a problem that has its place in another file.
func (b *Block) Report(p *posse.Error) { b.b.r.problems = append(b.b.r.problems, p) }

// Experiment reads the experiment that is written in a block of this one, or in a
// file that it names, once for each of the policies, or with its own policy where
// there are none. The names of the experiments are name; open reads a file.
func (b *Block) Experiment(key, name string, policies []*Block, open func(path string) ([]byte, error)) []*Experiment {
	e := b.b.entry(key)
	if e != nil && e.value != nil && e.value.kind == stringValue {
		return b.elsewhere(e, policies, open)
	}
	child := b.b.child(key)
	if e == nil || child.node == nil {
		return nil
	}
	return child.experiments(name, policies)
}

// elsewhere reads the experiment of a file of its own. Its problems carry its name.
func (b *Block) elsewhere(e *entry, policies []*Block, open func(string) ([]byte, error)) []*Experiment {
	path, r := e.value.text, b.b.r
	data, err := open(path)
	if err != nil {
		b.Refuse(e.key, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FILE_NOT_FOUND", Value: shown(path),
			Message: "the experiment's file can't be read", Hint: "its path counts from the folder of this file", Cause: err,
		})
		return nil
	}
	own, err := Read(shown(path), data)
	if err != nil {
		r.problems = append(r.problems, posse.As(err).Problems...)
		return nil
	}
	if len(policies) == 0 {
		return []*Experiment{own}
	}
	root, _ := parse(data)
	root.entries = slices.DeleteFunc(root.entries, func(e entry) bool {
		return e.key == "apiVersion" || e.key == "kind" || e.key == "metadata"
	})
	return r.block(join(b.b.path, e.key), root, e.line, e.column).experiments(own.Name, policies)
}

// experiments reads the block once for each policy.
func (b *block) experiments(name string, policies []*Block) []*Experiment {
	var out []*Experiment
	if len(policies) == 0 {
		if !b.has("policy") {
			b.missing("policy", "where the scenario lists no policies")
			return nil
		}
		out = append(out, b.embedded(name, nil))
	} else if b.has("policy") {
		b.embedded(name, nil) // what is written must be right, used or not
	}
	for _, p := range policies {
		out = append(out, b.embedded(name, p.b))
	}
	return out
}

// embedded reads the blocks of an experiment anew with one policy.
func (b *block) embedded(name string, policy *block) *Experiment {
	top := b.r.block(b.path, b.node, b.line, b.column)
	e := &Experiment{Name: name}
	top.body(e, policy)
	return e
}
