#!/bin/sh
# golden.sh - where the golden vectors of the Kubernetes API are: every kind once with all its fields, as JSON, YAML
# and protobuf.  From the distribution's package, unpacked into the cache.
#
# usage: golden.sh      Prints the folder.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"

suite=trixie
package=golang-k8s-api-dev

unpack_golden() {
	target=$cache/toolchain/golden-$(hash_short < "$0")
	if [ ! -e "$target/.complete" ]; then
		say "preparing the golden vectors"
		apt_open "$cache/apt/clients" deb "$suite"
		work=$cache/tmp/golden
		rm -rf "$work" "$target"
		mkdir -p "$work/all" "$cache/toolchain"
		apt_unpack "$work/all" packages "$package"
		find "$work/all" -type d -path '*/k8s.io/api/testdata/HEAD' -exec mv {} "$work/vectors" \; -prune
		[ -e "$work/vectors/core.v1.Pod.pb" ] || fail "$package of $suite holds no golden vectors"
		rm -rf "$work/all"
		: > "$work/.complete"
		mv "$work" "$target"
	fi
	echo "$target/vectors"
}

[ $# = 0 ] || fail "usage: golden.sh"
cache_find
with_lock toolchain unpack_golden
