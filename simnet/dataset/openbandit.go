package dataset

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/environment"
)

// segmentFeatures are the columns whose (already hashed) values make a segment of
// users.
var segmentFeatures = [...]string{"user_feature_0", "user_feature_1", "user_feature_2", "user_feature_3"}

// loadOpenBandit reads a campaign's log. Item 7 is the arm item-7; positions are
// not told apart, because the propensity is that of the item at its position.
//
// Source of the format: Saito, Aihara, Matsutani, Narita 2020, arXiv 2008.07146.
func loadOpenBandit(in *input) (*Set, error) {
	campaign := filepath.Base(filepath.Clean(in.path))
	path, err := in.campaign(campaign)
	if err != nil {
		return nil, err
	}
	f, err := in.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, err := newDelimited(f, f.name)
	if err != nil {
		return nil, err
	}
	var item, click, propensity int
	var features [len(segmentFeatures)]int
	for _, c := range []struct {
		name string
		at   *int
	}{
		{"item_id", &item},
		{"click", &click},
		{"propensity_score", &propensity},
		{segmentFeatures[0], &features[0]},
		{segmentFeatures[1], &features[1]},
		{segmentFeatures[2], &features[2]},
		{segmentFeatures[3], &features[3]},
	} {
		if *c.at, err = d.column(c.name); err != nil {
			return nil, err
		}
	}
	divider, err := d.divider(in.options)
	if err != nil {
		return nil, err
	}
	b := &builder{
		in: in, anonymous: true, name: "obd " + strings.TrimSuffix(filepath.Base(path), ".csv"), logged: true, nodes: 8,
		label: "segments", thing: "segment of users", things: "segments of users",
		reward: Reward{Meaning: "1 for a click, else 0", Low: 0, High: 1, Declared: true},
	}
	if parent := filepath.Base(filepath.Dir(filepath.Dir(path))); parent != "." && parent != string(filepath.Separator) {
		b.name = "obd " + parent + " " + filepath.Base(filepath.Dir(path))
	}
	var clicks int
	items := &namedArms{in: in, index: map[string]int{}}
	err = eachRow(in, f.name, d.next, func(fields []string, at place) *posse.Error {
		record, refusal := impression(fields[item], fields[click], fields[propensity], items, at)
		if refusal != nil {
			return refusal
		}
		var segment strings.Builder
		for _, i := range features {
			segment.WriteString(fields[i])
			segment.WriteByte(' ')
		}
		s := sample{group: segment.String(), unit: strconv.Itoa(at.row), record: record}
		if divider >= 0 {
			if refusal := in.options.divided(&s, fields[divider], at); refusal != nil {
				return refusal
			}
		}
		b.samples = append(b.samples, s)
		clicks += int(record.Reward)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	if b.arms = items.names; len(in.options.Arms) == 0 {
		b.sortArms(itemPrefix)
	}
	b.say("%s: %s of %s, %s.", b.name, countOf(len(b.samples), "logged decision"), countOf(len(b.arms), "item"), countOf(clicks, "click"))
	b.say("Replay by rejection: a decision draws logged rows with replacement until one shows the chosen item%s.", b.acceptance())
	return b.build()
}

// campaign returns the log's path: in the folder of the campaign it has the
// folder's name.
func (in *input) campaign(name string) (string, error) {
	for _, preferred := range []string{name, "men", "women", "all"} {
		path, err := in.find(".csv", preferred)
		if err == nil && !strings.HasPrefix(filepath.Base(path), "item_context.csv") {
			return path, nil
		}
	}
	_, err := in.find(".csv", name)
	if err == nil {
		err = missing(in.path, "a campaign's log: there is only item_context.csv", nil)
	}
	e := posse.As(err)
	e.Allowed = "the folder of a campaign, such as obd/random/men, or the path of its log"
	return "", e
}

// impression reads one logged decision of the Open Bandit Dataset.
func impression(item, click, propensity string, items *namedArms, at place) (environment.Record, *posse.Error) {
	if id, err := strconv.ParseUint(item, 10, 31); err != nil || strconv.FormatUint(id, 10) != item {
		return environment.Record{}, at.bad("MALFORMED", "item_id", "the item is no number", "not a whole number", "0, 1, 2, …", "")
	}
	if click != "0" && click != "1" {
		return environment.Record{}, at.bad("REWARD_OUT_OF_RANGE", "click", "the click is neither 0 nor 1", "", "0, 1", "")
	}
	p, refusal := parsePropensity(propensity, "propensity_score", at)
	if refusal != nil {
		return environment.Record{}, refusal
	}
	arm, refusal := items.of(itemPrefix+item, "item_id", at)
	if refusal != nil {
		return environment.Record{}, refusal
	}
	return environment.Record{Arm: arm, Reward: float64(click[0] - '0'), Propensity: p}, nil
}

// parsePropensity reads a probability in (0, 1].
func parsePropensity(text, column string, at place) (float64, *posse.Error) {
	const hint = "write down the probability with which the logging policy chose the arm, or say that it was uniform"
	if isMissing(text) {
		return 0, at.bad("PROPENSITY_MISSING", column, "the propensity is missing", "", "(0, 1]", hint)
	}
	p, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, at.bad("MALFORMED", column, "the propensity is no number", "not a number", "(0, 1]", "")
	}
	if !(p > 0 && p <= 1) {
		return 0, at.bad("FIELD_OUT_OF_RANGE", column, "the propensity is out of range", text, "(0, 1]", "")
	}
	return p, nil
}

// namedArms numbers the arms of logged decisions: in the order of the options, or
// as they appear.
type namedArms struct {
	in    *input
	names []string
	index map[string]int
}

func (n *namedArms) of(name, column string, at place) (int, *posse.Error) {
	if given := n.in.options.Arms; len(given) > 0 && n.names == nil {
		n.names = slices.Clone(given)
		for i, g := range given {
			n.index[g] = i
		}
	}
	arm, ok := n.index[name]
	switch {
	case ok:
	case len(n.in.options.Arms) > 0:
		return 0, at.bad("FIELD_UNKNOWN_VALUE", column, "the arm is not one of the experiment", "another name", list(n.names), "")
	case len(n.names) == environment.MaxArms:
		return 0, at.bad("LIMIT_EXCEEDED", column, "there are too many arms", "", "at most "+thousands(environment.MaxArms), "")
	default:
		arm = len(n.names)
		name = strings.Clone(name)
		n.names, n.index[name] = append(n.names, name), arm
	}
	return arm, nil
}

// itemPrefix is what an item's number has before it in an arm's name.
const itemPrefix = "item-"

// sortArms puts the arms into the order of the numbers behind a prefix of their names.
func (b *builder) sortArms(prefix string) {
	number := func(arm string) int {
		n, _ := strconv.Atoi(strings.TrimPrefix(arm, prefix)) // checked where it was read
		return n
	}
	sorted := slices.SortedFunc(slices.Values(b.arms), func(x, y string) int { return cmp.Compare(number(x), number(y)) })
	to := make([]int, len(sorted))
	for from, name := range b.arms {
		to[from] = slices.Index(sorted, name)
	}
	for i := range b.samples {
		b.samples[i].record.Arm = to[b.samples[i].record.Arm]
	}
	b.arms = sorted
}

// acceptance says how a drawn row is accepted.
func (b *builder) acceptance() string {
	for _, s := range b.samples {
		if s.record.Propensity != b.samples[0].record.Propensity {
			return ", and accepts it with the smallest propensity over its own"
		}
	}
	return ""
}
