package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	goodARFF = "@RELATION r\n@ATTRIBUTE instance_id STRING\n@ATTRIBUTE repetition NUMERIC\n@ATTRIBUTE algorithm STRING\n" +
		"@ATTRIBUTE runtime NUMERIC\n@ATTRIBUTE runstatus {ok, timeout}\n@DATA\n"
	goodDescription = "scenario_id: S\nalgorithm_cutoff_time: 10\n"
	obdHeader       = ",timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,user_feature_3\n"
	obdRow          = "0,2019-11-24,3,1,0,0.5,a,b,c,d\n"
)

// Every bad file gives an error that names the file, the line, the column where
// there is one, and what is allowed. "secret" and 987654 stand for values that
// must not be repeated.
func TestBadFilesAreRefusedByFileRowAndColumn(t *testing.T) {
	for _, c := range []struct {
		name   string
		format Format
		file   string // the bad one; aslib scenarios get the other one
		text   string
		reason string
		field  string
		line   int
		says   string
	}{
		{"arff: empty", ASlib, "algorithm_runs.arff", "", "MALFORMED", "", 1, "header does not end"},
		{"arff: not one", ASlib, "algorithm_runs.arff", "<html>secret\n", "MALFORMED", "", 1, "no line of an ARFF header"},
		{"arff: no attributes", ASlib, "algorithm_runs.arff", "@DATA\n", "MALFORMED", "", 1, "no attributes"},
		{"arff: unknown type", ASlib, "algorithm_runs.arff", "@ATTRIBUTE a secret\n", "MALFORMED", "", 1, "type of an attribute"},
		{"arff: open quote in header", ASlib, "algorithm_runs.arff", "@ATTRIBUTE 'a STRING\n", "MALFORMED", "", 1, "no name"},
		{"arff: column missing", ASlib, "algorithm_runs.arff", "@ATTRIBUTE instance_id STRING\n@DATA\n", "FIELD_MISSING", "repetition", 2, "no such column"},
		{"arff: short row", ASlib, "algorithm_runs.arff", goodARFF + "i,1,secret,987654\n", "MALFORMED", "", 8, "row 1): the row has 4 fields"},
		{"arff: sparse", ASlib, "algorithm_runs.arff", goodARFF + "{0 secret}\n", "MALFORMED", "", 8, "sparse"},
		{"arff: open quote", ASlib, "algorithm_runs.arff", goodARFF + "'i,1,a,3,ok\n", "MALFORMED", "", 8, "quoted"},
		{"arff: text after quote", ASlib, "algorithm_runs.arff", goodARFF + "'i'secret,1,a,3,ok\n", "MALFORMED", "", 8, "follows"},
		{"arff: undeclared status", ASlib, "algorithm_runs.arff", goodARFF + "% c\ni,1,a,3,secret\n", "MALFORMED", "runstatus", 9, "not one of the declared"},
		{"arff: no time", ASlib, "algorithm_runs.arff", goodARFF + "i,1,a,?,ok\n", "MALFORMED", "runtime", 8, "no run time"},
		{"arff: negative time", ASlib, "algorithm_runs.arff", goodARFF + "i,1,a,-987654,ok\n", "MALFORMED", "runtime", 8, "no run time"},
		{"arff: no number", ASlib, "algorithm_runs.arff", goodARFF + "i,1,a,NaN,ok\n", "MALFORMED", "runtime", 8, "no run time"},
		{"arff: no algorithm", ASlib, "algorithm_runs.arff", goodARFF + "i,1,?,3,ok\n", "MALFORMED", "algorithm", 8, "missing"},
		{"arff: twice", ASlib, "algorithm_runs.arff", goodARFF + "i,1,a,3,ok\ni,1,a,3,ok\n", "MALFORMED", "algorithm", 9, "second time"},
		{"arff: incomplete", ASlib, "algorithm_runs.arff", goodARFF + "i,1,a,3,ok\ni,1,b,3,ok\nj,1,a,3,ok\n", "MALFORMED", "algorithm", 10, "runs of 1 algorithm only"},
		{"arff: no rows", ASlib, "algorithm_runs.arff", goodARFF, "MALFORMED", "data", 0, "nothing to learn"},
		{"arff: cut in a word", ASlib, "algorithm_runs.arff", goodARFF + "i,1,a,3,ok\ni,1,b,3,o", "MALFORMED", "", 9, "ends in the middle"},
		{"arff: cut in a row", ASlib, "algorithm_runs.arff", goodARFF + "i,1,a,3,ok\ni,1,b", "MALFORMED", "", 9, "ends in the middle"},
		{"arff: endless line", ASlib, "algorithm_runs.arff", goodARFF + strings.Repeat("x", maxLineBytes+1), "LIMIT_EXCEEDED", "", 8, "too long"},
		{"description: no cutoff", ASlib, "description.txt", "scenario_id: S\n", "FIELD_OUT_OF_RANGE", "algorithm_cutoff_time", 1, "no cutoff"},
		{"description: unknown cutoff", ASlib, "description.txt", "algorithm_cutoff_time: '?'\n", "FIELD_OUT_OF_RANGE", "algorithm_cutoff_time", 1, "no cutoff"},
		{"description: no YAML", ASlib, "description.txt", "a: [\n", "MALFORMED", "", 1, "no YAML"},

		{"obd: column missing", OpenBandit, "c.csv", "item_id,click\n1,0\n", "FIELD_MISSING", "propensity_score", 1, "no such column"},
		{"obd: column twice", OpenBandit, "c.csv", "click," + obdHeader, "DUPLICATE_FIELD", "click", 1, "two columns"},
		{"obd: click of 2", OpenBandit, "c.csv", obdHeader + obdRow + "1,t,3,1,2,0.5,a,b,c,d\n", "REWARD_OUT_OF_RANGE", "click", 3, "row 2"},
		{"obd: item no number", OpenBandit, "c.csv", obdHeader + "1,t,secret,1,0,0.5,a,b,c,d\n", "MALFORMED", "item_id", 2, "no number"},
		{"obd: no propensity", OpenBandit, "c.csv", obdHeader + "1,t,3,1,0,,a,b,c,d\n", "PROPENSITY_MISSING", "propensity_score", 2, "missing"},
		{"obd: propensity 0", OpenBandit, "c.csv", obdHeader + "1,t,3,1,0,0,a,b,c,d\n", "FIELD_OUT_OF_RANGE", "propensity_score", 2, "out of range"},
		{"obd: propensity above 1", OpenBandit, "c.csv", obdHeader + "1,t,3,1,0,1.0000001,a,b,c,d\n", "FIELD_OUT_OF_RANGE", "propensity_score", 2, "out of range"},
		{"obd: cut", OpenBandit, "c.csv", obdHeader + obdRow + "1,2019-1", "MALFORMED", "", 3, "ends in the middle"},

		{"warfarin: no header", Warfarin, "warfarin.csv", "", "MALFORMED", "", 1, "empty"},
		{"warfarin: other table", Warfarin, "warfarin.csv", "a,b\n1,2\n", "FIELD_MISSING", "PharmGKB Subject ID", 1, "no such column"},
		{"warfarin: dose no number", Warfarin, "warfarin.csv", "PharmGKB Subject ID,Therapeutic Dose of Warfarin\nPA1,secret\n", "MALFORMED", "Therapeutic Dose of Warfarin", 2, "no dose"},
		{"warfarin: dose 0", Warfarin, "warfarin.csv", "PharmGKB Subject ID,Therapeutic Dose of Warfarin\nPA1,0\n", "MALFORMED", "Therapeutic Dose of Warfarin", 2, "no dose"},
		{"warfarin: subject twice", Warfarin, "warfarin.csv", "PharmGKB Subject ID,Therapeutic Dose of Warfarin\nPA1,9\nPA1,9\n", "MALFORMED", "PharmGKB Subject ID", 3, "second time"},

		{"csv: open quote", CSV, "a.csv", "x,y\n1,2\n1,\"secret\n", "MALFORMED", "", 3, "quoted field does not end"},
		{"csv: quote within", CSV, "a.csv", "x,y\n1,a\"b\n", "MALFORMED", "", 2, "quote within"},
		{"csv: long row", CSV, "a.csv", "x,y\n1,2\n\"" + strings.Repeat("secret\n", maxLineBytes/4), "LIMIT_EXCEEDED", "", 2, "too long"},
		{"csv: many fields", CSV, "a.csv", "x,y\n1,2,3\n", "MALFORMED", "", 2, "has 3 fields"},
		{"csv: words for rewards", CSV, "a.csv", "x,y\n1,secret\n", "MALFORMED", "y", 2, "no number"},
		{"csv: infinite", CSV, "a.csv", "x,y\n1,1e999\n", "REWARD_NOT_FINITE", "y", 2, "finite"},
		{"csv: huge", CSV, "a.csv", "x,y\n1,1e31\n", "REWARD_OUT_OF_RANGE", "y", 2, "too large"},
		{"csv: not a number", CSV, "a.csv", "x,y\n1,NaN\n", "REWARD_NOT_FINITE", "y", 2, "finite"},
		{"csv: missing", CSV, "a.csv", "x,y\n1,NA\n", "MALFORMED", "y", 2, "missing"},
		{"csv: outside the range", CSV, "a.csv", "x,y\n1,987654\n", "REWARD_OUT_OF_RANGE", "y", 2, "outside the declared range"},
		{"csv: arm without reward", CSV, "a.csv", "arm,propensity\na,1\n", "FIELD_MISSING", "reward", 1, "no such column"},
		{"csv: no propensity", CSV, "a.csv", "arm,reward\na,1\n", "PROPENSITY_MISSING", "propensity", 1, "missing"},
		{"csv: propensity no number", CSV, "a.csv", "arm,reward,propensity\na,1,secret\n", "MALFORMED", "propensity", 2, "no number"},
		{"csv: node missing", CSV, "a.csv", "node,x\nn,1\n,1\n", "MALFORMED", "node", 3, "missing"},
		{"csv: only a node", CSV, "a.csv", "node\nn\n", "MALFORMED", "", 1, "no column can be an arm"},

		{"jsonl: no object", JSONL, "a.jsonl", "{\"rewards\":{\"a\":1}}\n[1]\n", "MALFORMED", "", 2, "no JSON object"},
		{"jsonl: null", JSONL, "a.jsonl", "null\n", "MALFORMED", "", 1, "no JSON object"},
		{"jsonl: two objects", JSONL, "a.jsonl", "{} {}\n", "MALFORMED", "", 1, "no JSON object"},
		{"jsonl: cut", JSONL, "a.jsonl", "{\"rewards\":{\"a\":1}}\n{\"rewards\":{\"a\"", "MALFORMED", "", 2, "ends in the middle"},
		{"jsonl: nothing in it", JSONL, "a.jsonl", "{\"x\":1}\n", "MALFORMED", "arm", 1, "neither an arm"},
		{"jsonl: no propensity", JSONL, "a.jsonl", "{\"arm\":\"a\",\"reward\":1}\n", "PROPENSITY_MISSING", "propensity", 1, "missing"},
		{"jsonl: null propensity", JSONL, "a.jsonl", "{\"arm\":\"a\",\"reward\":1,\"propensity\":null}\n", "PROPENSITY_MISSING", "propensity", 1, "missing"},
		{"jsonl: no reward", JSONL, "a.jsonl", "{\"arm\":\"a\",\"propensity\":1}\n", "MALFORMED", "reward", 1, "missing"},
		{"jsonl: quoted reward", JSONL, "a.jsonl", "{\"arm\":\"a\",\"propensity\":1,\"reward\":\"secret\"}\n", "MALFORMED", "reward", 1, "no number"},
		{"jsonl: infinite", JSONL, "a.jsonl", "{\"arm\":\"a\",\"propensity\":1,\"reward\":1e999}\n", "REWARD_NOT_FINITE", "reward", 1, "finite"},
		{"jsonl: arm an object", JSONL, "a.jsonl", "{\"arm\":{},\"propensity\":1,\"reward\":1}\n", "MALFORMED", "arm", 1, "no name"},
		{"jsonl: reward of nobody", JSONL, "a.jsonl", "{\"decisionId\":\"secret\",\"reward\":1}\n", "MALFORMED", "decisionId", 1, "no decision before"},
		{"jsonl: two wait", JSONL, "a.jsonl", strings.Repeat("{\"decisionId\":\"secret\",\"arm\":\"a\",\"propensity\":1}\n", 2), "MALFORMED", "decisionId", 2, "same id"},
		{"jsonl: both kinds", JSONL, "a.jsonl", "{\"rewards\":{\"a\":1}}\n{\"arm\":\"a\",\"propensity\":1,\"reward\":1}\n", "FIELD_CONFLICT", "arm", 2, "\"rewards\" instead"},
		{"jsonl: arm twice", JSONL, "a.jsonl", "{\"rewards\":{\"a\":1,\"a\":2}}\n", "MALFORMED", "rewards", 1, "twice"},
		{"jsonl: an arm short", JSONL, "a.jsonl", "{\"rewards\":{\"a\":1,\"b\":2}}\n{\"rewards\":{\"a\":1}}\n", "MALFORMED", "rewards.b", 2, "missing"},
		{"jsonl: an arm more", JSONL, "a.jsonl", "{\"rewards\":{\"a\":1}}\n{\"rewards\":{\"a\":1,\"b\":2}}\n", "MALFORMED", "rewards", 2, "does not have"},
		{"jsonl: rewards a list", JSONL, "a.jsonl", "{\"rewards\":[1]}\n", "MALFORMED", "rewards", 1, "no object of rewards"},
		{"jsonl: nodes in some rows", JSONL, "a.jsonl", "{\"node\":1,\"rewards\":{\"a\":1}}\n{\"rewards\":{\"a\":1}}\n", "MALFORMED", "node", 0, "some rows name a node"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{c.file: c.text}
			if c.format == ASlib {
				files["description.txt"], files["algorithm_runs.arff"] = goodDescription, goodARFF+"i,1,a,3,ok\n"
				files[c.file] = c.text
			}
			options := Options{Format: c.format, Nodes: 1}
			if strings.Contains(c.name, "range") {
				options.Range = [2]float64{0, 1}
			}
			e := refused(t, write(t, files), options)
			assert.Equal(t, c.reason, e.Reason, e.Message)
			assert.Equal(t, c.field, e.Field)
			assert.Equal(t, c.line, e.Line)
			assert.Contains(t, e.Message, c.says)
			assert.NotEmpty(t, e.File)
			if c.line > 0 {
				assert.Contains(t, e.Message, c.file)
			}
			for _, hidden := range []string{"secret", "987654"} {
				assert.NotContains(t, e.Message+e.Value+e.Hint+e.Allowed, hidden, "a value is repeated")
			}
		})
	}
}

func TestAFewBadRowsAreCountedAndMoreStopTheLoad(t *testing.T) {
	rows := "x,y\n" + strings.Repeat("1,2\n", 1999)
	set, err := Load(write(t, map[string]string{"a.csv": rows + "1,word\n"}), Options{Format: CSV})
	require.NoError(t, err, "1 of 2,000 is half of one in a thousand")
	assert.Equal(t, 1, set.Refused)
	assert.Equal(t, 1999, set.Rows)
	require.Len(t, set.Refusal, 1)
	assert.Equal(t, 2001, set.Refusal[0].Line)
	assert.Contains(t, set.Done[len(set.Done)-1], "1 row refused; the first: ")

	dir := write(t, map[string]string{"a.csv": rows + strings.Repeat("1,word\n", 3)})
	e := refused(t, dir, Options{Format: CSV})
	assert.Contains(t, e.Message, "3 of 2002 rows are refused, more than 0.1 %")
	assert.Len(t, e.Problems, 3)
	set, err = Load(dir, Options{Format: CSV, MaxRefused: 0.01})
	require.NoError(t, err)
	assert.Equal(t, 3, set.Refused)
}

func TestAWrongFolderSaysWhatIsThere(t *testing.T) {
	e := refused(t, filepath.Join(t.TempDir(), "none"), Options{Format: CSV})
	assert.Equal(t, "FILE_NOT_FOUND", e.Reason)
	e = refused(t, t.TempDir(), Options{Format: ASlib})
	assert.Contains(t, e.Allowed, "algorithm_runs.arff")
	e = refused(t, write(t, map[string]string{"a.csv": "", "b.csv": ""}), Options{Format: CSV})
	assert.Contains(t, e.Hint, "b.csv")
	parent := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(parent, "random"), 0o700))
	e = refused(t, parent, Options{Format: OpenBandit})
	assert.Contains(t, e.Hint, "random")
	assert.Contains(t, e.Allowed, "obd/random/men")
	e = refused(t, write(t, map[string]string{"item_context.csv": "a\n"}), Options{Format: OpenBandit})
	assert.Contains(t, e.Message, "only item_context.csv")
}
