#!/bin/sh
# down.sh - ends what up.sh has started, and all that came of it: pods, interfaces, rules, mounts, cgroups, data.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=packaging/up/common.sh
. packaging/up/common.sh
need_root

# end_process PID: asks, waits for up to ten seconds, forces.
end_process() {
	kill "$1" 2> /dev/null || return 0
	tries=500
	while kill -0 "$1" 2> /dev/null; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { kill -9 "$1" 2> /dev/null || :; break; }
		sleep 0.02
	done
}

# Process numbers of the server on our data, then of its agent, which may have lost its server.
ours() {
	grep -lzxF -- "$data" /proc/[0-9]*/cmdline 2> /dev/null | while read -r file; do
		case $(tr '\0' ' ' 2> /dev/null < "$file") in
		*"mote server "*) echo "1 $(basename "${file%/cmdline}")" ;;
		*"mote agent "*) echo "2 $(basename "${file%/cmdline}")" ;;
		esac
	done | sort | cut -d ' ' -f 2
}

# Whoever is still in our group has no one else to end him: a server without its file, a pod without its data.
end_group() {
	for pid in $(group_members); do
		kill -9 "$pid" 2> /dev/null || :
	done
	tries=100
	while [ -n "$(group_members)" ] && [ "$tries" -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.02
	done
}

mounts_of_ours() {
	awk -v run="$run/" 'index($5, run) == 1 { print $5 }' /proc/self/mountinfo
}

what_is_left() {
	group_members | sed 's/^/process /'
	mounts_of_ours | sed 's/^/mount /'
	for folder in $(group_folders); do
		[ ! -d "$folder" ] || echo "cgroup $folder"
	done
	[ "$had_network" = no ] || sed -n 's/^ *\(cni0\|flannel\.1\):.*/interface \1/p' /proc/net/dev
}

had_network=no
[ ! -d "$data/agent/network" ] || had_network=yes
if [ ! -d "$data" ] && [ -z "$(group_members)" ]; then
	rmdir "$run" 2> /dev/null || :
	echo 'nothing is up'
	exit 0
fi
for pid in $(ours); do
	end_process "$pid"
done
status=0
if [ -d "$data/agent" ]; then
	build/mote cleanup --data-dir "$data" --pod-logs-dir "$logs" || status=1
fi
end_group
group_remove
mounts_of_ours | while read -r mount; do umount -l "$mount"; done
left=$(what_is_left)
if [ "$status" != 0 ] || [ -n "$left" ]; then
	echo "$left" >&2
	fail "not all could be taken away; the log is $run/log"
fi
rm -rf "$run"
echo 'stopped; nothing is left'
