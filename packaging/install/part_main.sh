# shellcheck shell=sh
# part_main.sh - the way of an installation.

# Nothing of the caller's environment shall choose what is executed here.
make_safe() {
	unset IFS ENV BASH_ENV CDPATH LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT OPENSSL_CONF OPENSSL_ENGINES OPENSSL_MODULES
	unset -f command openssl curl wget sudo sha256sum cut sed awk 2>/dev/null || :
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	export PATH
	umask 022
	LC_ALL=C
	export LC_ALL
	for name in $(env | sed -n 's/^\(LD_[A-Za-z0-9_]*\)=.*/\1/p'); do
		unset "$name"
	done
}

make_folder() {
	tmp=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/mote-install.XXXXXXXX") || fail "cannot make a temporary folder"
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 1' HUP INT TERM
}

main() {
	make_safe
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
