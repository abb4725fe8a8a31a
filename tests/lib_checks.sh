# shellcheck shell=bash
# lib_checks.sh - what every file of tests in bash shares: a scratch folder, waiting, checks, running its tests.
#
# A test file defines functions named test_*; run_tests runs each and prints "NAME: N passed, N failed".  A library that
# reads this one may give these a meaning of its own:
#   finish        once, at the end of all: what it started goes, and the scratch folder
#   begin_test    in each test's own shell, before it
#   end_test      there, however it ends
#   await_pause   seconds between two tries of await, in its first three seconds
#   one_line      not empty: an error is one line, or `fails` does not take it

scratch=$(mktemp -d)
failures=0
await_pause=0.05
one_line=

finish() { rm -rf "$scratch"; }
begin_test() { :; }
end_test() { :; }
trap finish EXIT
trap 'exit 1' INT TERM

# Wait until a command succeeds: tries again and again for $1 seconds.  What takes long is looked at less often, for
# each look is a program, and other tests want the processors.
await() {
	local begin=$SECONDS limit=$1
	shift
	while ! "$@" > /dev/null 2>&1; do
		[ $((SECONDS - begin)) -le "$limit" ] || { echo "never came true: $*" >&2; return 1; }
		[ $((SECONDS - begin)) -lt 3 ] && sleep "$await_pause" || sleep 0.25
	done
}

# fails STATUS TEXT COMMAND...: it ends with that status and says so.
fails() {
	wanted=$1 text=$2 status=0
	shift 2
	output=$("$@" 2>&1) || status=$?
	[ "$status" = "$wanted" ] && [[ $output == *"$text"* ]] &&
		{ [ -z "$one_line" ] || [ "$(echo "$output" | wc -l)" = 1 ]; } && return 0
	echo "expected $wanted: $text" >&2
	echo "     got $status: $output" >&2
	return 1
}

# run_tests NAME: every test_* function, each in a subshell that stops at its first failure.  TEST=word: only those
# with the word in their names.
run_tests() {
	passed=0
	for name in $(sed -n 's/^\(test_[A-Za-z_0-9]*\)().*/\1/p' "$0"); do
		[[ $name == *"${TEST:-}"* ]] || continue
		(
			begin_test
			trap '[ $? = 0 ] || echo "ended at: $BASH_COMMAND (${FUNCNAME[0]:-})" >&2; end_test' EXIT
			set -e
			"$name"
		) > "$scratch/out" 2>&1
		if [ $? = 0 ]; then
			passed=$((passed + 1))
		else
			failures=$((failures + 1))
			echo "$1: $name failed"
			sed 's/^/    /' "$scratch/out"
		fi
	done
	echo "$1: $passed passed, $failures failed"
	[ "$failures" = 0 ]
}
