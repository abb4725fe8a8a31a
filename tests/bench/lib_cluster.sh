# lib_cluster.sh - a server with its agent in namespaces and control groups of its own, for what is measured.
# shellcheck shell=bash disable=SC2034,SC2154
#
# Read by a script in the tree's root that has made $scratch (a folder) with $scratch/mote, the program, and that is
# run again inside by cluster_enter, as "SCRIPT inside $scratch".  All of it ends with that script.

address=10.99.0.1
url=https://$address:6443
here=tests/bench

make_network() {
	ip link set lo up
	ip link add eth0 type bridge
	ip addr add $address/24 dev eth0
	ip link set eth0 up
	ip route add default via 10.99.0.254
}

# The hierarchies as they are seen from our groups.
mount_groups() {
	awk '$3 == "cgroup" || $3 == "cgroup2" { print $2, $3, $4 }' /proc/mounts |
		while read -r folder type options; do
			umount "$folder" && mount -t "$type" -o "$options" cgroup "$folder" || return 1
		done
}

now_ms() { date +%s%3N; }

# Starts server and agent; sets begin, server, agent.
start_cluster() {
	mkdir -p "$scratch/data/agent/images"
	$here/image.sh "$scratch/data/agent/images/bench.tar"
	begin=$(now_ms)
	"$scratch/mote" server --data-dir "$scratch/data" --write-kubeconfig "$scratch/kubeconfig" \
		--advertise-address $address --node-name bench --pod-logs-dir "$scratch/logs" \
		--write-kubeconfig-mode 0600 > "$scratch/log" 2>&1 &
	server=$!
	read_credentials
}

read_credentials() {
	until [ -s "$scratch/kubeconfig" ]; do alive; sleep 0.005; done
	part() { sed -n "s/^ *$1: //p" "$scratch/kubeconfig" | base64 -d; }
	part client-certificate-data > "$scratch/admin.crt"
	part client-key-data > "$scratch/admin.key"
}

alive() {
	kill -0 "$server" 2> /dev/null && return
	echo "bench: error: the server has ended:" >&2
	tail -n 20 "$scratch/log" >&2
	exit 1
}

meter() {
	alive
	if ! build/bench/meter $url "$scratch/admin.crt" "$scratch/admin.key" "$($here/image.sh)" "$@" \
		> "$scratch/meter" 2> "$scratch/meter.err"; then
		note "$(cat "$scratch/meter.err")"
		grep -v '"level":"info"\| info ' "$scratch/log" | tail -n 5 >&2
		: > "$scratch/meter"
	fi
	cat "$scratch/meter" >> "$scratch/figures"
}

# Resident and proportional KiB of processes, from smaps_rollup.
memory_of() {
	for pid in "$@"; do cat "/proc/$pid/smaps_rollup" 2> /dev/null; done |
		awk '/^Rss:/ { r += $2 } /^Pss:/ { p += $2 } /^Pss_Anon:/ { a += $2 } END { print r + 0, p + 0, a + 0 }'
}

mebibytes() { awk -v k="$1" 'BEGIN { printf "%.2f", k / 1024 }'; }
agents() { pgrep -P "$server"; }
monitors() { pgrep -f "^[^ ]*mote monitor"; }

# --- around it ---

# enter_groups: a control group of our own in each hierarchy that takes one; its path there is $group.  The group has
# the share of one task of the rest of a loaded machine, or MOTE_BENCH_SHARES (of 1024 each).
each_hierarchy() { awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts; }
enter_groups() {
	for folder in $(each_hierarchy); do
		mkdir "$folder/$group" 2> /dev/null && echo 0 2> /dev/null > "$folder/$group/cgroup.procs"
		[ ! -e "$folder/$group/cpu.shares" ] || echo "${MOTE_BENCH_SHARES:-1024}" > "$folder/$group/cpu.shares"
	done
}

remove_groups() {
	for folder in $(each_hierarchy); do
		[ ! -d "$folder/$group" ] || find "$folder/$group" -depth -type d -exec rmdir {} \; 2> /dev/null
	done
}

# cluster_enter SCRIPT
cluster_enter() {
	group=$(basename "$1" .sh).$$
	( enter_groups
		exec unshare --net --mount --cgroup --pid --fork --mount-proc --kill-child "$1" inside "$scratch" )
}
