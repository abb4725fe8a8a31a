#!/bin/bash
# soak.sh - pods come and go, one each 200 ms, and in the end nothing is more than before.
#
# Ten pods stay all along, each with an exec probe a second.  MOTE_SOAK_SECONDS: how long after the warm-up
# (1800); MOTE_SOAK_WARM: the warm-up (540).  The warm-up is as long as it takes until the server keeps as
# many Events as it may (LIMIT_EVENTS; the feed and the agent's backlog are full long before); one that is
# shorter shows counts only, and memory is told but not judged.
#
# How it is measured: every 5 s private memory (what only this process has) and descriptors of server, agent
# and the ten monitors; the median of the first quarter after the warm-up against that of the last one.
# What a node has besides (mounts, groups, links, packet rules, processes, files) is counted at rest: before
# the warm-up after some pods, and in the end.
set -u
cd "$(dirname "$0")/../.." || exit 1
main_folder=$PWD
. tests/bench/lib_cluster.sh
seconds=${MOTE_SOAK_SECONDS:-1800}
warm=${MOTE_SOAK_WARM:-540}
warm_enough=540
stay=10
every_ms=200
passed=0
failed=0

note() { printf '    %s\n' "$*"; }

# judge WORDS: the status of the command before.
judge() {
	if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $2"; fi
}

api() {
	curl -s -m 20 --cacert "$scratch/data/server/tls/server-ca.crt" --cert "$scratch/admin.crt" --key "$scratch/admin.key" \
		-H 'Content-Type: application/json' "$@"
}

start_staying() {
	path=$url/apis/apps/v1/namespaces/default/deployments
	api -o /dev/null -d '{"metadata":{"name":"stay"},"spec":{"replicas":'$stay',"selector":{"matchLabels":{"app":"stay"}},
		"template":{"metadata":{"labels":{"app":"stay"}},"spec":{"terminationGracePeriodSeconds":0,"containers":[{"name":"a",
		"image":"'"$($here/image.sh)"'","command":["sleep","100000"],
		"readinessProbe":{"exec":{"command":["sh","-c",":"]},"periodSeconds":1}}]}}}}' "$path"
	for _ in $(seq 300); do
		api "$path/stay" | grep -q '"readyReplicas": *'$stay && return
		sleep 0.2
	done
	echo "the pods that stay are not ready" >&2
	exit 1
}

# Not those of hierarchies where no group of our own can be made (cpuset): there others' are seen, too.
own_groups() { find /sys/fs/cgroup -path /sys/fs/cgroup/cpuset -prune -o -type d -path '*/mote/*' -print; }

# Processes, mounts as the agent sees them, groups, namespaces, links, rules, files: "word count".
counts() {
	node=$(agents)
	echo "processes $(pgrep -c .)"
	echo "mounts $(wc -l < "/proc/$node/mountinfo")"
	echo "groups $(own_groups | wc -l)"
	echo "network-namespaces $(readlink /proc/[0-9]*/ns/net | sort -u | wc -l)"
	echo "mount-namespaces $(readlink /proc/[0-9]*/ns/mnt | sort -u | wc -l)"
	echo "links $(ip -o link | wc -l)"
	echo "neighbours $(ip neigh | wc -l)"
	echo "rules $(nft list ruleset | wc -l)"
	echo "files $(find "$scratch/data" "$scratch/logs" ! -name 'state.db*' | wc -l)"
}

# Until no pod is under way; what is put off (files, folders) has its time, too.
rest() {
	for _ in $(seq 100); do
		[ "$(monitors | wc -l)" = $stay ] && break
		sleep 0.2
	done
	sleep 5
	counts > "$1"
	own_groups | sort > "$1.groups"
}

private() {
	awk '/^Private_/ { k += $2 } END { print k + 0 }' "/proc/$1/smaps_rollup" 2> /dev/null
}
descriptors() { find "/proc/$1/fd" -mindepth 1 2> /dev/null | wc -l; }

# One line: time, then private KiB and descriptors of the server, the agent, the ten monitors together.
sample() {
	line="$(now_ms) $(private "$server") $(descriptors "$server") $(private "$agent") $(descriptors "$agent")"
	memory=0 open=0
	for pid in $staying; do
		memory=$((memory + $(private "$pid")))
		open=$((open + $(descriptors "$pid")))
	done
	echo "$line $memory $open" >> "$scratch/samples"
}

# median COLUMN FROM TO: of these quarters of the samples after the warm-up.
median() {
	awk -v c="$1" '{ print $c }' "$scratch/samples" | awk -v from="$2" -v to="$3" '{ v[NR] = $1 }
		END { for (i = 1; i <= NR; i++) if (i > NR * from / 4 && i <= NR * to / 4) print v[i] }' |
		sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] + 0 }'
}

# flat WORDS COLUMN LEAST: no more than 2 % more (or LEAST, which is the grain of what is counted).
flat() {
	first=$(median "$2" 0 1) last=$(median "$2" 3 4)
	printf '%-32s %8s -> %8s\n' "$1" "$first" "$last"
	if [ "$warm" -lt $warm_enough ] && [ "$3" != 1 ]; then
		note "not judged after a warm-up of $warm s"
		return
	fi
	[ $((last - first)) -le $((first / 50 > $3 ? first / 50 : $3)) ]
	judge $? "$1 grows from $first to $last"
}

# churn SECONDS: in the background; its figures are in $scratch/churn.
churn() {
	build/bench/meter $url "$scratch/admin.crt" "$scratch/admin.key" "$($here/image.sh)" churn \
		$(($1 * 1000 / every_ms)) $every_ms > "$scratch/churn" 2> "$scratch/churn.err" &
	churner=$!
}

churned() {
	wait $churner
	judge $? "$(cat "$scratch/churn.err")"
	note "$(tr '\n' ' ' < "$scratch/churn")"
}

inside() {
	make_network && mount_groups || exit 1
	start_cluster
	meter ready 1 "$begin"
	start_staying
	agent=$(agents)
	staying=$(monitors)
	churn 10
	churned
	rest "$scratch/before"
	echo "warm-up of $warm s, then $seconds s; load $(cut -d ' ' -f 1-3 /proc/loadavg)"
	churn "$warm"
	churned
	churn "$seconds"
	while kill -0 $churner 2> /dev/null; do
		alive
		sample
		sleep 5
	done
	churned
	rest "$scratch/after"
	flat "server, private KiB" 2 4
	flat "server, descriptors" 3 1
	flat "agent, private KiB" 4 4
	flat "agent, descriptors" 5 1
	flat "$stay monitors, private KiB" 6 4
	flat "$stay monitors, descriptors" 7 1
	[ "$(agents)" = "$agent" ] && [ "$(monitors)" = "$staying" ]
	judge $? "the agent or a monitor has been started again"
	while read -r word count; do
		now=$(sed -n "s/^$word //p" "$scratch/after")
		printf '%-32s %8s -> %8s\n' "$word" "$count" "$now"
		[ "$now" -le "$count" ]
		judge $? "$word: $count before, $now now"
	done < "$scratch/before"
	comm -13 "$scratch/before.groups" "$scratch/after.groups" | head -n 5
	note "database: $(find "$scratch/data" -name 'state.db*' -printf '%f %s bytes  ')"
	# shellcheck disable=SC2046
	kill "$server" $(monitors)
	wait "$server"
	echo "soak: $passed passed, $failed failed"
	[ "$failed" = 0 ]
}

finish() {
	remove_groups
	[ -z "${MOTE_SOAK_KEEP:-}" ] || { echo "kept: $scratch"; return; }
	rm -rf --one-file-system "$scratch"
}

if [ "${1:-}" = inside ]; then
	scratch=$2
	inside
	exit
fi
[ "$(id -u)" = 0 ] || { echo "soak: error: namespaces need root" >&2; exit 1; }
[ "$seconds" -ge 40 ] || { echo "soak: error: less than 40 s has too few samples" >&2; exit 1; }
scratch=$(mktemp -d)
trap finish EXIT
trap 'exit 1' INT TERM
make --no-print-directory build/mote build/bench/meter > "$scratch/make.log" 2>&1 || { cat "$scratch/make.log" >&2; exit 1; }
cp build/mote "$scratch/mote"
cluster_enter "$main_folder/tests/long/soak.sh"
