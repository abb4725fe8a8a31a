#!/bin/sh
# Written by the installer of mote; it writes it again.
#
# mote-uninstall.sh - takes mote off this machine: mote-killall.sh, then services, programs, configuration, all data.
bin_dir='@BIN_DIR@'
systemd_dir='@SYSTEMD_DIR@'
first_data_dir='@DATA_DIR@'

say() { printf 'mote: %s\n' "$*"; }
fail() {
	printf 'mote: error: %s\n' "$*" >&2
	exit 1
}

is_ours() { grep -qs '^# Written by the installer of mote' "$1"; }

data_dirs() {
	{
		printf '%s\n' "$first_data_dir"
		for file in "$systemd_dir"/mote*.service /etc/init.d/mote*; do
			! is_ours "$file" || sed -n 's/^# data-dir //p' "$file"
		done
	} | LC_ALL=C sort -u
}

remove_systemd_unit() {
	name=${1##*/}
	! command -v systemctl > /dev/null || systemctl --quiet disable "$name" 2>/dev/null || :
	rm -f "$1" "$1.env"
	rm -rf "$1.d"
	! command -v systemctl > /dev/null || systemctl --quiet reset-failed "$name" 2>/dev/null || :
}

remove_openrc_script() {
	name=${1##*/}
	! command -v rc-update > /dev/null || rc-update -q delete "$name" > /dev/null 2>&1 || :
	rm -f "$1" "/etc/logrotate.d/$name" "/var/log/$name.log" "/var/log/$name.log".[0-9]*
}

remove_services() {
	for file in "$systemd_dir"/mote*.service; do
		! is_ours "$file" || remove_systemd_unit "$file"
	done
	for file in /etc/init.d/mote*; do
		! is_ours "$file" || remove_openrc_script "$file"
	done
	if command -v systemctl > /dev/null && [ -d /run/systemd/system ]; then systemctl --quiet daemon-reload || :; fi
}

# Only a folder that is one of ours, and never through a mount that is somebody else's.
remove_data() {
	[ -d "$1/ota" ] || return 0
	real=$(cd "$1" && pwd -P) || return 1
	mounts=$(awk -v at="$real/" 'index($5, at) == 1 { print $5 }' /proc/self/mountinfo)
	[ -z "$mounts" ] || fail "something is mounted below $1 still; unmount it, then run this again: $mounts"
	# A folder that is a file system of its own, or a link, stays as an empty one.
	find "$real" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
	rmdir "$real" 2>/dev/null || say "$real is empty and stays: something is mounted there"
	if [ -L "$1" ]; then rm -f "$1"; fi
}

mote_uninstall() {
	[ "$(id -u)" = 0 ] || exec sudo -- "$0" "$@"
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	"$bin_dir/mote-killall.sh" || fail "something of mote still runs, see above; nothing was removed"
	folders=$(data_dirs)
	remove_services
	for data_dir in $folders; do
		remove_data "$data_dir"
	done
	rm -rf /etc/mote /run/mote
	rmdir /var/log/pods 2>/dev/null
	rm -f "$bin_dir/mote" "$bin_dir/mote-killall.sh" "$bin_dir/mote-uninstall.sh"
	say "mote is gone"
}

mote_uninstall "$@"
