#!/bin/sh
# kubectl.sh - where a kubectl 1.32 is: the machine's own if there is one, else Debian's, unpacked into the cache.
#
# usage: kubectl.sh      Prints the path.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"

suite=trixie

unpack_kubectl() {
	target=$cache/toolchain/kubectl-$(hash_short < "$0")
	if [ ! -e "$target/.complete" ]; then
		say "preparing kubectl"
		apt_open "$cache/apt/clients" deb "$suite"
		work=$cache/tmp/kubectl
		rm -rf "$work" "$target"
		mkdir -p "$work" "$cache/toolchain"
		( cd "$work" && apt_run apt-get -qq download kubernetes-client > log 2>&1 ) ||
			{ cat "$work/log" >&2; fail "cannot download kubernetes-client"; }
		dpkg-deb -x "$work"/*.deb "$work"
		rm "$work"/*.deb
		: > "$work/.complete"
		mv "$work" "$target"
	fi
	echo "$target/usr/bin/kubectl"
}

[ $# = 0 ] || fail "usage: kubectl.sh"
if command -v kubectl > /dev/null && kubectl version --client 2>/dev/null | grep -q 'v1\.32\.'; then
	command -v kubectl
else
	cache_find
	with_lock toolchain unpack_kubectl
fi
