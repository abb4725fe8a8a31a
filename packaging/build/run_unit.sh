#!/bin/sh
# run_unit.sh - runs unit test programs, several at once, and sums up in their order.
#
# usage: run_unit.sh [-e EMULATOR] [-n NAME] PROGRAM...
# The last line is for machines: "NAME: N passed, N failed" (NAME is unit unless given).
set -u
emulator=
title=unit
while getopts e:n: option; do
	case $option in
	e) emulator=$OPTARG ;;
	n) title=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export ASAN_OPTIONS UBSAN_OPTIONS

passed=0
failed=0
skipped=0
[ $# -gt 0 ] || echo "$title: there is no test to run" >&2

said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
trap 'exit 1' INT TERM
# The control groups of this machine are there once: tests of containers go one after the other.  They also compare all
# mounts before and after, so what others mount meanwhile must not show.
in_turn=
alone=$emulator
[ "$(id -u)" != 0 ] || [ -n "$emulator" ] || alone="unshare --mount --propagation private"
for program in "$@"; do
	case $program in */runtime/*) in_turn="$in_turn $program" ;; esac
done
export emulator said alone
# shellcheck disable=SC2016
{
	echo "$in_turn"
	printf '%s\n' "$@" | grep -v /runtime/
} | xargs -P "$(nproc)" -I '{}' sh -c '
	for program in $1; do
		name=$(echo "$program" | tr / _)
		case $program in */runtime/*) set -- $alone ;; *) set -- $emulator ;; esac
		"$@" "$program" > "$said/$name"
		echo $? > "$said/$name.status"
	done' run '{}'

for program in "$@"; do
	name=$(echo "$program" | tr / _)
	line=$(cat "$said/$name")
	status=$(cat "$said/$name.status")
	echo "$line"
	# The summary is the program's last word; one that ends without it has failed as a whole.
	counts=$(echo "$line" | sed -n '$s/^.*: \([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)*$/\1 \2 \4/p')
	if [ -z "$counts" ] || [ "$status" -gt 1 ]; then
		echo "$program: ended with status $status" >&2
		failed=$((failed + 1))
		continue
	fi
	# shellcheck disable=SC2086
	set -- $counts
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + ${3:-0}))
done
[ "$skipped" = 0 ] || echo "$title: $skipped skipped"
echo "$title: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
