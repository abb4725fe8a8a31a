#!/bin/sh
# make_install.sh - puts install.sh together: one function, called on the last line, so that a cut download runs nothing.
#
# usage: make_install.sh ROOT_FILE [URL] > install.sh
#
# ROOT_FILE is the root of trust that the script believes in; URL where it fetches from unless it is told otherwise.
set -eu
[ $# = 1 ] || [ $# = 2 ] || { echo "usage: make_install.sh ROOT_FILE [URL]" >&2; exit 2; }
parts=$(cd "$(dirname "$0")/../install" && pwd)
default_url=${2:-}
fail() { echo "make_install.sh: error: $*" >&2; exit 1; }

[ "$(sed -n 1p "$1")" = 'mote-root 1' ] || fail "$1 is no root of trust"
! LC_ALL=C grep -qv '^[A-Za-z0-9+/= -]*$' "$1" || fail "$1 has characters in it that a root never has"
case $default_url in
*[!A-Za-z0-9._~:/%@?=+-]*) fail "the URL $default_url has characters in it that a URL here may not have" ;;
esac

# text NAME FILE: a function that prints the file.
text() {
	printf '%s() {\n\tcat <<'\''END_OF_%s'\''\n' "$1" "$1"
	cat "$2"
	printf 'END_OF_%s\n}\n\n' "$1"
}

part() {
	sed '1{/^# shellcheck shell=sh$/d;}' "$parts/part_$1.sh"
	echo
}

cat "$parts/head.sh"
printf 'mote_install() {\nset -eu\ndefault_url=%s\n\n' "'$default_url'"
part shell
text root_of_trust "$1"
text killall_text "$parts/mote-killall.sh"
text uninstall_text "$parts/mote-uninstall.sh"
for name in say machine choices fetch trust program service leave main; do
	part "$name"
done
# shellcheck disable=SC2016
printf 'main "$@"\n}\n\nmote_install "$@"\n'
