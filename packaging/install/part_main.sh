# shellcheck shell=sh
# part_main.sh - the way of an installation.

make_folder() {
	tmp=$(umask 077 && mktemp -d) || fail "cannot make a temporary folder"
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 1' HUP INT TERM
}

main() {
	root=${INSTALL_MOTE_ROOT:-}
	[ -z "$root" ] || check_folder INSTALL_MOTE_ROOT "$root"
	url=${INSTALL_MOTE_URL:-$default_url}
	url=${url%/}
	version=
	wants_reboot=no
	check_switches
	find_rights
	find_arch
	find_init
	choose_command "$@"
	choose_places
	check_mode_kept
	make_folder

	before=$(fingerprint)
	if is_true "${INSTALL_MOTE_SKIP_DOWNLOAD:-}" SKIP_DOWNLOAD; then
		need_program
	else
		if [ -n "${INSTALL_MOTE_BUNDLE:-}" ]; then program_from_bundle; else program_from_dist; fi
		install_program
	fi
	write_service
	write_leaving
	check_memory_cgroup
	changed=yes
	[ "$before" != "$(fingerprint)" ] || changed=no
	enable_and_start "$changed"
	[ "$wants_reboot" = no ] || say "reboot this machine to have limits of memory"
}
