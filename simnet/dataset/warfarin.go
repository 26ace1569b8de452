package dataset

import (
	"strconv"
	"strings"

	"github.com/posse-dev/posse"
)

// The dose classes of the cohort's authors, in mg a week.
// Source: IWPC 2009, New England Journal of Medicine 360:753.
const (
	lowBelow  = 21 // a dose below is low
	highAbove = 49 // a dose above is high
)

// subjectBlock is how many characters of a subject's id name the block in which
// she was contributed.
const subjectBlock = 6

// loadWarfarin reads the cohort's table. Patients with a recorded stable dose are
// in use; the arm of her class pays 0 and the others −1.
func loadWarfarin(in *input) (*Set, error) {
	path, err := in.find(".csv", "warfarin")
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
	subject, err := d.column("PharmGKB Subject ID")
	if err != nil {
		return nil, err
	}
	dose, err := d.column("Therapeutic Dose of Warfarin")
	if err != nil {
		return nil, err
	}
	divider, err := d.divider(in.options)
	if err != nil {
		return nil, err
	}
	names := []string{"low", "medium", "high"}
	arms, arm, err := in.chooseArms(names, f.name, "dose class")
	if err != nil {
		return nil, err
	}
	b := &builder{
		in: in, name: "warfarin", arms: arms, deck: true, thing: "block of subjects", things: "blocks of subjects",
		reward: Reward{Meaning: "0 for the class of the patient's stable dose, −1 for another", Low: -1, High: 0, Declared: true},
	}
	without, seen := 0, map[string]bool{}
	err = eachRow(in, f.name, d.next, func(fields []string, at place) *posse.Error {
		s, refusal := patient(fields[subject], fields[dose], arm, at)
		switch {
		case refusal != nil:
			return refusal
		case seen[s.unit]:
			return at.bad("MALFORMED", "PharmGKB Subject ID", "the subject appears for the second time", "", "each once", "")
		case s.rewards == nil:
			without++
		default:
			name := s.unit
			if divider >= 0 {
				if refusal := in.options.divided(&s, strings.TrimSpace(fields[divider]), at); refusal != nil {
					return refusal
				}
			}
			seen[name] = true
			b.samples = append(b.samples, s)
			return nil
		}
		seen[s.unit] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	how := ", each once and in shuffled order"
	if in.options.Replacement {
		how = ", drawn with replacement"
	}
	b.say("warfarin: %s with a stable dose%s; %s without one left out.", countOf(len(b.samples), "patient"), how, thousands(without))
	b.say("Classes: low below %d mg a week, high above %d, medium between; the reward is 0 for the right class and −1 for another.", lowBelow, highAbove)
	return b.build()
}

// patient makes a sample of a subject's id and dose; its rewards are nil where no
// dose is known. arm gives the arm of the low, medium and high class, −1 if it is
// not among the arms.
func patient(id, dose string, arm []int, at place) (sample, *posse.Error) {
	id, dose = strings.TrimSpace(id), strings.TrimSpace(dose)
	if isMissing(id) {
		return sample{}, at.bad("MALFORMED", "PharmGKB Subject ID", "the subject has no id", "", "an id", "")
	}
	s := sample{group: strings.Clone(id[:min(subjectBlock, len(id))]), unit: strings.Clone(id)}
	if isMissing(dose) {
		return s, nil
	}
	mg, err := strconv.ParseFloat(dose, 64)
	if err != nil || !(mg > 0) || isInf(mg) {
		return sample{}, at.bad("MALFORMED", "Therapeutic Dose of Warfarin", "the dose is no dose", "no positive number", "(0, ∞) mg a week, or NA", "")
	}
	class := 1
	switch {
	case mg < lowBelow:
		class = 0
	case mg > highAbove:
		class = 2
	}
	arms := 0
	for _, a := range arm {
		arms = max(arms, a+1)
	}
	s.rewards = make([]float64, arms)
	for i := range s.rewards {
		s.rewards[i] = -1
	}
	if a := arm[class]; a >= 0 {
		s.rewards[a] = 0
	}
	return s, nil
}
