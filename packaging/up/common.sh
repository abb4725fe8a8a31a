# shellcheck shell=sh disable=SC2034
# common.sh - where `make up` has its things; sourced by up.sh and down.sh at the top of the checkout, POSIX sh.
#
# MOTE_RUN_DIR    another folder than build/run; with a network namespace of its own, another cluster
#
# The server has a group of processes of its own in each hierarchy, made here, so that what it makes below is found
# again however the machine's sessions and services are grouped, and the caller's shell is not moved anywhere.

mkdir -p "${MOTE_RUN_DIR:=build/run}"
run=$(cd "$MOTE_RUN_DIR" && pwd -P)
data=$run/data
logs=$run/logs
kubeconfig=$run/mote.yaml
group=mote-up-$(printf %s "$run" | sha256sum | cut -c 1-8)

fail() {
	echo "$*" >&2
	exit 1
}

need_root() {
	[ "$(id -u)" = 0 ] || fail "containers, interfaces and mounts need root; try it with sudo"
}

# The process is our server, not one that has its number by chance.
is_up() {
	[ -s "$run/pid" ] && tr '\0' ' ' 2> /dev/null < "/proc/$(cat "$run/pid")/cmdline" | grep -qF " server --data-dir $data "
}

# The folders of our group, one a hierarchy: version 1, else version 2 (not in a container, whose top is no top).
group_folders() {
	awk -v group="$group" '
		{ type = $0; sub(/.* - /, "", type); split(type, tail, " ") }
		tail[1] == "cgroup" && tail[3] ~ /(^|,)(memory|cpu|cpuacct|pids|freezer|devices)(,|$)/ { old[$5] = 1; n++ }
		tail[1] == "cgroup" && tail[3] ~ /(^|,)(hugetlb|blkio)(,|$)/ { old[$5] = 1 }
		tail[1] == "cgroup2" && !unified { unified = $5 }
		END {
			if (n > 0)
				for (mount in old)
					print mount "/" group
			if (n == 0 && unified && system("test -e " unified "/cgroup.events"))
				print unified "/" group
		}' /proc/self/mountinfo
}

# The calling shell goes into the group.
group_enter() {
	for folder in $(group_folders); do
		for controller in memory cpu pids io; do
			[ ! -e "${folder%/*}/cgroup.subtree_control" ] ||
				echo "+$controller" 2> /dev/null > "${folder%/*}/cgroup.subtree_control" || :
		done
		mkdir -p "$folder"
		echo 0 > "$folder/cgroup.procs"
	done
}

# Who is in the group or below it, process numbers.
group_members() {
	for folder in $(group_folders); do
		[ ! -d "$folder" ] || find "$folder" -name cgroup.procs -exec cat {} + 2> /dev/null
	done | sort -un
}

group_remove() {
	for folder in $(group_folders); do
		[ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} \; 2> /dev/null || :
	done
}
