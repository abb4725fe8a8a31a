#!/bin/sh
# run_cluster.sh - runs every test of tests/cluster and sums up; the last line is for machines.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0
failed=0
for file in tests/cluster/*.sh; do
	case $(basename "$file") in lib*) continue ;; esac
	name=$(basename "$file" .sh)
	begin=$(date +%s)
	output=$(bash "$file" 2>&1)
	status=$?
	echo "$output"
	echo "-- $name: $(($(date +%s) - begin)) s"
	# Not the last line alone: the shell may still have a word to say about a process that was killed.
	# shellcheck disable=SC2046
	set -- $(echo "$output" | sed -n "s/^$name: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p" | tail -n 1)
	passed=$((passed + ${1:-0}))
	failed=$((failed + ${2:-1}))
	[ "$status" = 0 ] || [ "${2:-1}" != 0 ] || failed=$((failed + 1))
done
echo "cluster: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
