#!/bin/sh
# run.sh - runs fuzzers for some seconds each, one line per fuzzer, as many at a time as there are processors.
#
# usage: run.sh SECONDS PROGRAM...
# For build/fuzz/fuzz_X: tests/fuzz/corpus/X is the seed corpus (never written to), tests/fuzz/X.dict the
# dictionary; both may be missing.  New inputs gather in build/fuzz/corpus/X.  On a finding the reproducer
# stays in build/fuzz/findings and its path is printed; `PROGRAM FILE` runs it again.
set -u
only=
[ "$1" != one ] || { only=yes; shift; }
seconds=$1
shift
here=$(dirname "$0")
findings=build/fuzz/findings
mkdir -p "$findings"

run_one() {
	name=$(basename "$1" | sed 's/^fuzz_//')
	grown=build/fuzz/corpus/$name
	log=build/fuzz/$name.log
	seeds=$here/corpus/$name
	dictionary=$here/$name.dict
	program=$1
	mkdir -p "$grown"
	set -- "$grown"
	[ ! -d "$seeds" ] || set -- "$@" "$seeds"
	[ ! -e "$dictionary" ] || set -- "$@" "-dict=$dictionary"
	if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="$findings/$name-" "$@" > "$log" 2>&1; then
		echo "fuzz_$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, no finding"
		return 0
	fi
	grep -v '^#[0-9]' "$log" | tail -n 60 >&2
	reproducer=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
	echo "fuzz_$name: FOUND something; run again: $program ${reproducer:-(no input was written, see $log)}"
	return 1
}

if [ -n "$only" ]; then
	run_one "$1"
	exit
fi
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
printf '%s\n' "$@" | xargs -P "$(nproc)" -I PROGRAM sh "$0" one "$seconds" PROGRAM | tee "$lines"
passed=$(grep -c ' inputs, no finding$' "$lines")
echo "fuzz: $passed passed, $(($# - passed)) failed"
[ "$passed" = $# ]
