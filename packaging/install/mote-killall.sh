#!/bin/sh
# Written by the installer of mote; it writes it again.
#
# mote-killall.sh - ends mote on this machine: its services, its daemons, all pods and what they use: networks, rules,
# mounts, cgroups, logs.  Data, configuration and programs stay; mote-uninstall.sh removes them, too.
bin_dir='@BIN_DIR@'
systemd_dir='@SYSTEMD_DIR@'
first_data_dir='@DATA_DIR@'

warn() {
	printf 'mote: error: %s\n' "$*" >&2
	status=1
}

# Our unit files and init scripts: they say so.
services() {
	for file in "$systemd_dir"/mote*.service /etc/init.d/mote*; do
		! grep -qs '^# Written by the installer of mote' "$file" || printf '%s\n' "$file"
	done
}

data_dirs() {
	{
		printf '%s\n' "$first_data_dir"
		services | while read -r file; do sed -n 's/^# data-dir //p' "$file"; done
	} | LC_ALL=C sort -u
}

stop_services() {
	for file in $(services); do
		name=${file##*/}
		case $file in
		*.service) ! command -v systemctl > /dev/null || systemctl --quiet stop "$name" || warn "cannot stop $name" ;;
		*) ! command -v rc-service > /dev/null || rc-service -q "$name" stop > /dev/null ||
			! rc-service -q "$name" status > /dev/null 2>&1 || warn "cannot stop $name" ;;
		esac
	done
}

# Prints the processes whose program is in the folder of versions $1: all of them, or the daemons alone if $2 is daemons.
processes() {
	for exe in /proc/[0-9]*/exe; do
		program=$(readlink "$exe") || continue
		case $program in "$1"/ota/*) ;; *) continue ;; esac
		process=${exe%/exe}
		if [ "$2" = daemons ]; then
			case $(tr '\000' '\n' < "$process/cmdline" 2>/dev/null | sed -n 2p) in
			server | agent) ;;
			*) continue ;;
			esac
		fi
		printf '%s\n' "${process#/proc/}"
	done
}

# end_processes DATA_DIR daemons|all: asks them to end, and kills who is there after ten seconds.
end_processes() {
	for signal in TERM KILL; do
		for process in $(processes "$1" "$2"); do
			kill -s "$signal" "$process" 2>/dev/null
		done
		tries=100
		while [ "$tries" -gt 0 ] && [ -n "$(processes "$1" "$2")" ]; do
			sleep 0.1
			tries=$((tries - 1))
		done
	done
	[ -z "$(processes "$1" "$2")" ] || warn "these processes cannot be ended: $(processes "$1" "$2" | tr '\n' ' ')"
}

find_program() {
	for program in "$1/ota/current/bin" "$bin_dir/mote" "$1"/ota/slots/*/bin; do
		if [ -x "$program" ]; then return; fi
	done
	program=
}

clean() {
	[ -d "$1" ] || return 0
	real=$(cd "$1" && pwd -P)
	end_processes "$real" daemons
	find_program "$1"
	if [ -z "$program" ]; then
		warn "there is no mote any more to end the pods of $1 with: install it again, then run this again"
		return
	fi
	"$program" cleanup --data-dir "$1" || status=1
	end_processes "$real" all
}

mote_killall() {
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	[ "$(id -u)" = 0 ] || exec sudo -- "$0" "$@"
	status=0
	stop_services
	for data_dir in $(data_dirs); do
		clean "$data_dir"
	done
	exit "$status"
}

mote_killall "$@"
