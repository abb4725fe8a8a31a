#!/bin/sh
# run.sh - tests of install.sh and make dist; the last line is for machines.
#
# usage: run.sh [WORD]       only tests whose name has this word
#
# Each test has a machine of its own in a folder (lib_install.sh) and runs on both flavours.  Mounts, network and
# processes are in namespaces that end with this script.
set -u
if [ "${MOTE_INSTALL_INSIDE:-}" != yes ]; then
	[ "$(id -u)" = 0 ] || { echo "install: this needs to be root" >&2; exit 1; }
	MOTE_INSTALL_INSIDE=yes exec unshare -m -n -p -f --mount-proc --kill-child "$0" "$@"
fi
cd "$(dirname "$0")/../.." || exit 1
word=${1:-${TEST:-}}
mote=$PWD/build/mote
work=$(mktemp -d)
trap 'leave; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
ip link set lo up
installer=$work/install.sh
passed=0
failed=0

# shellcheck source=tests/install/lib_install.sh
. tests/install/lib_install.sh
for file in tests/install/cases_*.sh; do
	# shellcheck disable=SC1090
	. "$file"
done

# try NAME FUNCTION: each in a shell of its own, which ends at the first command that fails.
try() {
	case $1 in *"$word"*) ;; *) return ;; esac
	# Not as a condition: set -e would not count inside.
	( set -e; "$2" ) > "$work/log" 2>&1
	status=$?
	if [ "$status" = 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED $1"
		sed 's/^/    /' "$work/log"
	fi
}

( set -e
	make_tls
	make_keys
	dist "$work/dist" 1.0.0 7
	make_debian "$work/debian"
	make_alpine "$work/alpine"
) || { echo "install: 0 passed, 1 failed"; exit 1; }
packaging/dist/make_install.sh "$work/root" > "$installer" || exit 1

# shellcheck disable=SC2013
for flavour in debian alpine; do
	for case in $(sed -n 's/^\(case_[a-z0-9_]*\)() {$/\1/p' tests/install/cases_*.sh); do
		try "$flavour ${case#case_}" "$case"
	done
done
# shellcheck disable=SC2013
for case in $(sed -n 's/^\(once_[a-z0-9_]*\)() {$/\1/p' tests/install/cases_*.sh); do
	try "${case#once_}" "$case"
done
echo "install: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
