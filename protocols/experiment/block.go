package experiment

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
)

// reader collects the problems of one file.
type reader struct {
	fields   map[string]Field
	problems []*posse.Error
	embeds   bool // a scenario, which may do without privacy
}

// block is one map of the file. Every accessor marks its key as known, so that
// what nobody asked for is an unknown field.
type block struct {
	r            *reader
	path         string
	node         *node // nil when the block is absent or no map
	line, column int   // of its key
	asked        map[string]bool
}

// field returns the row of a path; an item of a list has that of its list.
func (r *reader) field(path string) Field {
	return r.fields[itemForm.ReplaceAllString(path, "")]
}

var itemForm = regexp.MustCompile(`\[[0-9]+\]`)

func (r *reader) block(path string, n *node, line, column int) *block {
	return &block{r: r, path: path, node: n, line: line, column: column, asked: map[string]bool{}}
}

func (r *reader) report(p *posse.Error, line, column int) {
	r.problems = append(r.problems, at(p, line, column))
}

// entry finds a key. It returns nil when the key is absent.
func (b *block) entry(key string) *entry {
	b.asked[key] = true
	if b.node == nil {
		return nil
	}
	for i := range b.node.entries {
		if b.node.entries[i].key == key {
			return &b.node.entries[i]
		}
	}
	return nil
}

// has reports whether the key is written, with a good value or a bad one.
func (b *block) has(key string) bool { return b.entry(key) != nil }

// value returns the key's value if it has the wanted kind, and reports if not.
func (b *block) value(key string, want valueKind) *node {
	e := b.entry(key)
	if e == nil {
		if b.r.field(join(b.path, key)).Required {
			b.missing(key, "")
		}
		return nil
	}
	if e.value == nil {
		return nil // reported where it was read
	}
	if e.value.kind != want {
		b.wrongType(key, want.String(), e.value)
		return nil
	}
	return e.value
}

func (b *block) wrongType(key, want string, got *node) {
	field := join(b.path, key)
	message := fmt.Sprintf("%s must be %s, got %s", field, want, got.kind)
	hint := ""
	if got.kind == stringValue && got.quoted && want == numberValue.String() {
		hint = "write the number without quotes"
	}
	if got.kind == numberValue && want == stringValue.String() {
		hint = "write it in quotes"
	}
	b.r.report(&posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_TYPE", Field: field,
		Allowed: b.r.field(field).Range, Message: message, Hint: hint,
	}, got.line, got.column)
}

// missing reports a required field; why says which other field demands it.
func (b *block) missing(key, why string) {
	field := join(b.path, key)
	message := field + ": required"
	if why != "" {
		message += " " + why
	}
	b.r.report(&posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: field,
		Allowed: b.r.field(field).Range, Message: message, Hint: b.r.field(field).advice(),
	}, b.line, b.column)
}

// notApplicable refuses a key, if it is written, that does nothing here.
func (b *block) notApplicable(key, to string) {
	e := b.entry(key)
	if e == nil {
		return
	}
	field := join(b.path, key)
	b.r.report(&posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_NOT_APPLICABLE", Field: field,
		Message: fmt.Sprintf("%s applies to %s only", field, to), Hint: "leave it out",
	}, e.line, e.column)
}

// conflict reports two keys of which one is allowed, at the second.
func (b *block) conflict(one, other string) {
	first, second := b.entry(one), b.entry(other)
	if first == nil || second == nil {
		return
	}
	if first.line > second.line || first.line == second.line && first.column > second.column {
		first, second = second, first
	}
	field, before := join(b.path, second.key), join(b.path, first.key)
	b.r.report(&posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_CONFLICT", Field: field,
		Message: fmt.Sprintf("%s and %s: only one of them is allowed", before, field), Hint: "leave one of them out",
	}, second.line, second.column)
}

// refuse reports a combination of settings at a key of this block.
func (b *block) refuse(key, value, allowed, message, hint string) {
	line, column := b.place(key)
	b.r.report(&posse.Error{
		Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: join(b.path, key),
		Value: value, Allowed: allowed, Message: message, Hint: hint,
	}, line, column)
}

// place is where a key's value is written, or else the key, or else the block's own.
func (b *block) place(key string) (line, column int) {
	e := b.entry(key)
	switch {
	case e == nil:
		return b.line, b.column
	case e.value == nil:
		return e.line, e.column
	default:
		return e.value.line, e.value.column
	}
}

func (b *block) outOfRange(key string, n *node, message string) {
	field := join(b.path, key)
	p := posse.OutOfRange(field, shown(n.text), b.r.field(field).Range, b.r.field(field).advice())
	if message != "" {
		p.Message = message
	}
	b.r.report(p, n.line, n.column)
}

// child returns a block inside this one; its node is nil when it is absent.
func (b *block) child(key string) *block {
	path := join(b.path, key)
	e := b.entry(key)
	if e == nil {
		if b.r.field(path).Required {
			b.missing(key, "")
		}
		return b.r.block(path, nil, b.line, b.column)
	}
	return b.r.block(path, b.value(key, mapValue), e.line, e.column)
}

// decimal returns an exact number inside the field's range; ok is false when it is
// absent or bad.
func (b *block) decimal(key string) (Decimal, bool) {
	n := b.value(key, numberValue)
	if n == nil {
		return Decimal{}, false
	}
	return b.number(key, n, parseInterval(b.r.field(join(b.path, key)).Range))
}

func (b *block) number(key string, n *node, allowed interval) (Decimal, bool) {
	d, err := ParseDecimal(n.text)
	if err == errDecimal {
		field := join(b.path, key)
		b.r.report(&posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_TYPE", Field: field, Value: shown(n.text),
			Allowed: b.r.field(field).Range,
			Message: field + " must be a finite decimal number", Hint: "write it as 100000, 0.1 or 1e5",
		}, n.line, n.column)
		return Decimal{}, false
	}
	if err != nil {
		b.outOfRange(key, n, join(b.path, key)+": "+err.Error())
		return Decimal{}, false
	}
	if !allowed.contains(d.Rat()) {
		b.outOfRange(key, n, "")
		return Decimal{}, false
	}
	return d, true
}

// integer returns a whole number inside the field's range.
func (b *block) integer(key string) (int64, bool) {
	d, ok := b.decimal(key)
	if !ok {
		return 0, false
	}
	n, ok := d.Int64()
	if !ok {
		b.outOfRange(key, b.entry(key).value, join(b.path, key)+" must be a whole number")
	}
	return n, ok
}

// credits returns an amount of money inside the field's range, exact to a
// micro-credit.
func (b *block) credits(key string) (incentives.Credits, bool) {
	d, ok := b.decimal(key)
	if !ok {
		return 0, false
	}
	micro := new(big.Rat).Mul(d.Rat(), new(big.Rat).SetInt64(int64(incentives.Credit)))
	if !micro.IsInt() || !micro.Num().IsInt64() {
		b.outOfRange(key, b.entry(key).value, join(b.path, key)+" has more than six decimals")
		return 0, false
	}
	return incentives.Credits(micro.Num().Int64()), true
}

// duration returns a Go duration inside the field's range.
func (b *block) duration(key string) (time.Duration, bool) {
	if e := b.entry(key); e != nil && e.value != nil && e.value.kind != stringValue {
		b.wrongType(key, "a duration such as 5s or 168h", e.value)
		return 0, false
	}
	n := b.value(key, stringValue)
	if n == nil {
		return 0, false
	}
	field := join(b.path, key)
	d, err := time.ParseDuration(n.text)
	if err != nil {
		b.r.report(&posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_TYPE", Field: field, Value: shown(n.text), Allowed: b.r.field(field).Range,
			Message: field + " must be a duration", Hint: "write it as 5s, 1h30m or 168h; there is no unit for days",
		}, n.line, n.column)
		return 0, false
	}
	if !parseInterval(b.r.field(field).Range).contains(new(big.Rat).SetInt64(int64(d))) {
		b.outOfRange(key, n, "")
		return 0, false
	}
	return d, true
}

// boolean returns true or false.
func (b *block) boolean(key string) (value, ok bool) {
	n := b.value(key, booleanValue)
	if n == nil {
		return false, false
	}
	return n.text == "true", true
}

// word returns one of the field's words, or "" when it is absent or bad.
func (b *block) word(key string) string {
	n := b.value(key, stringValue)
	if n == nil {
		return ""
	}
	words := b.r.field(join(b.path, key)).words()
	if slices.Contains(words, n.text) {
		return n.text
	}
	b.unknownWord(key, n, words)
	return ""
}

func (b *block) unknownWord(key string, n *node, words []string) {
	field, hint := join(b.path, key), ""
	if near := nearest(n.text, words); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	b.r.report(&posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: field,
		Value: fmt.Sprintf("%q", shown(n.text)), Allowed: strings.Join(words, " | "),
		Message: fmt.Sprintf("%s: %q is not one of %s", field, shown(n.text), strings.Join(words, ", ")), Hint: hint,
	}, n.line, n.column)
}

// wordOr returns one of the field's words, or the default when it is absent or bad.
func (b *block) wordOr(key, byDefault string) string {
	if w := b.word(key); w != "" {
		return w
	}
	return byDefault
}

var nameForm = regexp.MustCompile("^" + nameRange + "$")

func (b *block) name(key string) string {
	n := b.value(key, stringValue)
	if n == nil {
		return ""
	}
	if !nameForm.MatchString(n.text) {
		b.outOfRange(key, n, join(b.path, key)+" must be lower-case letters, digits and hyphens, at most 63, and begin with a letter")
		return ""
	}
	return n.text
}

func (b *block) text(key string, most int) string {
	n := b.value(key, stringValue)
	if n == nil {
		return ""
	}
	if got := utf8.RuneCountInString(n.text); got > most {
		field := join(b.path, key)
		b.r.report(posse.OutOfRange(field, fmt.Sprintf("%d characters", got), b.r.field(field).Range, "shorten it"), n.line, n.column)
		return ""
	}
	return n.text
}

// end reports the keys that nobody asked for.
func (b *block) end() {
	if b.node == nil {
		return
	}
	for _, e := range b.node.entries {
		if b.asked[e.key] {
			continue
		}
		field := join(b.path, e.key)
		message := shown(field) + " is not a field"
		if near := nearestField(field, b.r.fields); near != "" {
			message += "; did you mean " + near + "?"
		}
		p := &posse.Error{Code: posse.InvalidArgument, Reason: "UNKNOWN_FIELD", Field: shown(field), Message: message}
		if field == "reward.combineBeforeTruncation" {
			p.Hint = "each reward is truncated by its own bound first"
		}
		b.r.report(p, e.line, e.column)
	}
}
