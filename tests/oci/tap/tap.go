// Package tap prints what tests found in the Test Anything Protocol.  It stands where the validation programs look for
// github.com/mndrix/tap-go, which the distribution does not have.
package tap

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// T counts the points of one program.
type T struct {
	points *int
	known  bool // not to hold
}

// New begins with no points.
func New() *T { return &T{points: new(int)} }

// Header says how many points will come; 0 leaves that for AutoPlan.
func (t *T) Header(count int) {
	fmt.Println("TAP version 13")
	if count > 0 {
		fmt.Printf("1..%d\n", count)
	}
}

// AutoPlan says how many points there were.
func (t *T) AutoPlan() { fmt.Printf("1..%d\n", *t.points) }

func (t *T) point(fine bool, marks, description string) {
	word := "not ok"
	if fine {
		word = "ok"
	}
	*t.points++
	fmt.Fprintf(os.Stdout, "%s %d%s - %s\n", word, *t.points, marks, description)
}

// Ok is one point.
func (t *T) Ok(fine bool, description string) {
	marks := ""
	if t.known {
		marks = " # known not to hold"
	}
	t.point(fine, marks, description)
}

// Pass is a point that is fine.
func (t *T) Pass(description string) { t.Ok(true, description) }

// Fail is one that is not.
func (t *T) Fail(description string) { t.Ok(false, description) }

// Skip counts points that were not looked at.
func (t *T) Skip(count int, description string) {
	for ; count > 0; count-- {
		t.point(true, " # SKIP", description)
	}
}

// Todo is the same run for points that are known not to hold; the programs call it by the protocol's word for that.
func (t *T) Todo() *T { return &T{points: t.points, known: true} }

// Diagnostic is a remark for people.
func (t *T) Diagnostic(text string) {
	fmt.Println("# " + strings.ReplaceAll(text, "\n", "\n# "))
}

// Diagnosticf is a remark put together.
func (t *T) Diagnosticf(format string, values ...interface{}) {
	t.Diagnostic(fmt.Sprintf(format, values...))
}

// YAML tells more about the point before it; JSON is YAML.
func (t *T) YAML(value interface{}) error {
	text, err := json.MarshalIndent(value, "  ", "  ")
	if err == nil {
		fmt.Printf("  ---\n  %s\n  ...\n", text)
	}
	return err
}
