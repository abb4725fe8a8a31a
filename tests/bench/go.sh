#!/bin/sh
# go.sh - where a Go compiler is: the machine's own if there is one, else Debian's, unpacked into the
# cache.  For the bench's load tool only.
#
# usage: go.sh      Prints the path.
set -eu
here=$(cd "$(dirname "$0")/../../packaging/deps" && pwd)
. "$here/common.sh"
. "$here/apt.sh"

suite=bookworm
version=1.19

unpack_go() {
	target=$cache/toolchain/go-$version-$(hash_short < "$0")
	if [ ! -e "$target/.complete" ]; then
		say "preparing Go (80 MB)"
		apt_open "$cache/apt/tools" deb "$suite"
		work=$cache/tmp/go
		rm -rf "$work" "$target"
		mkdir -p "$work" "$cache/toolchain"
		( cd "$work" && apt_run apt-get -qq download golang-$version-go golang-$version-src > log 2>&1 ) ||
			{ cat "$work/log" >&2; fail "cannot download golang-$version-go"; }
		for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work"; done
		rm "$work"/*.deb
		: > "$work/.complete"
		mv "$work" "$target"
	fi
	echo "$target/usr/lib/go-$version/bin/go"
}

[ $# = 0 ] || fail "usage: go.sh"
if command -v go > /dev/null; then
	command -v go
else
	cache_find
	with_lock toolchain unpack_go
fi
