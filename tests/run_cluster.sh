#!/bin/sh
# run_cluster.sh - runs every test of tests/cluster, four files at a time, and sums up; the last line is for machines.
#
# Most of the time they wait for something to come true, so four share a machine without harm.  Those that take long
# begin first.
set -u
cd "$(dirname "$0")/.." || exit 1

if [ "${1:-}" = one ]; then
	name=$(basename "$2" .sh)
	begin=$(date +%s)
	bash "$2" > "$3/$name.out" 2>&1
	echo $? > "$3/$name.status"
	cat "$3/$name.out"
	echo "-- $name: $(($(date +%s) - begin)) s"
	exit 0
fi

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
long="clients ota edge node_faults node_pods book aggregate idle_disk manifests secrets streams two_nodes node_eviction batch apps cli"
{
	for name in $long; do echo "tests/cluster/$name.sh"; done
	for file in tests/cluster/*.sh; do
		case " lib lib_nodes $long " in *" $(basename "$file" .sh) "*) ;; *) echo "$file" ;; esac
	done
} > "$results/files"
xargs -P 4 -I FILE sh tests/run_cluster.sh one FILE "$results" < "$results/files"

passed=0
failed=0
while read -r file; do
	name=$(basename "$file" .sh)
	status=$(cat "$results/$name.status" 2>/dev/null || echo none)
	# Not the last line alone: the shell may still have a word to say about a process that was killed.
	# shellcheck disable=SC2046
	set -- $(sed -n "s/^$name: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p" "$results/$name.out" 2>/dev/null | tail -n 1)
	passed=$((passed + ${1:-0}))
	failed=$((failed + ${2:-1}))
	[ "$status" = 0 ] || [ "${2:-1}" != 0 ] || failed=$((failed + 1))
done < "$results/files"
echo "cluster: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
