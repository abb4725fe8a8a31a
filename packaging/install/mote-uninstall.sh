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

# Folders of which all is ours: what else lies in a data folder is somebody else's, be it /srv or a disk's first folder.
own_folders() {
	printf '%s\n' /etc/mote /run/mote
	# ota is last: while it is there, the folder counts as ours, also for a second run.
	for data_dir in $folders; do
		for part in agent server ota; do printf '%s\n' "$data_dir/$part"; done
	done
}

# What is mounted at $1 or below; there, blanks and backslashes are written as numbers.
mounts_at() {
	real=$(cd "$1" 2>/dev/null && pwd -P) || return 0
	at=$(printf '%s\n' "$real" | sed 's/\\/\\134/g; s/ /\\040/g; s/\t/\\011/g') \
		awk 'index($5 "/", ENVIRON["at"] "/") == 1 { print $5 }' /proc/self/mountinfo
}

# Before anything goes: never through a mount that is somebody else's.
check_mounts() {
	for folder in $(own_folders); do
		[ ! -L "$folder" ] || continue
		mounts=$(mounts_at "$folder")
		[ -z "$mounts" ] || fail "something is mounted below $folder still; unmount it, then run this again: $mounts"
	done
}

remove_folders() {
	for folder in $(own_folders); do
		[ ! -L "$folder" ] || say "$folder was a link to $(readlink "$folder"): what is there stays"
		rm -rf "$folder"
	done
	for data_dir in $folders; do
		real=$(cd "$data_dir" 2>/dev/null && pwd -P) || continue
		if rmdir "$real" 2>/dev/null; then
			[ ! -L "$data_dir" ] || rm -f "$data_dir"
		else
			say "$data_dir stays: it is a mount, or something is in it that mote did not make"
		fi
	done
}

# The profile that the node has loaded for its containers; none of them is left.
remove_profiles() {
	kernel=/sys/kernel/security/apparmor
	sed -n 's/^\(mote-default[^ ]*\) .*/\1/p' "$kernel/profiles" 2>/dev/null | while read -r profile; do
		printf '%s' "$profile" > "$kernel/.remove" || say "the AppArmor profile $profile stays until the next boot"
	done
}

mote_uninstall() {
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	[ "$(id -u)" = 0 ] || exec sudo -- "$0" "$@"
	"$bin_dir/mote-killall.sh" || fail "something of mote still runs, see above; nothing was removed"
	folders=$(for data_dir in $(data_dirs); do [ ! -d "$data_dir/ota" ] || printf '%s\n' "$data_dir"; done)
	check_mounts
	remove_services
	remove_profiles
	remove_folders
	rmdir /var/log/pods 2>/dev/null
	rm -f "$bin_dir/mote" "$bin_dir/mote-killall.sh" "$bin_dir/mote-uninstall.sh"
	say "mote is gone"
}

mote_uninstall "$@"
