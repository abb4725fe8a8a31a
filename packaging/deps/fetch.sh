#!/bin/sh
# fetch.sh - brings third-party sources into the cache, verified against packaging/deps/lock.
#
# usage: fetch.sh [NAME...]      (no name: all).  Prints the folder of each unpacked source.
#
# The original tarball must have the lock's sha256.  The distribution's patches come with whatever
# revision is current there and are verified by the package manager's own signatures.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"

suite=trixie

# The versions the mirrors offer of $1 whose upstream part is $2, newest first.
versions_find() {
	apt_run apt-cache showsrc --only-source "$1" 2>/dev/null |
		awk -v want="$2" '/^Version: / {
			upstream = $2; sub(/-[^-]*$/, "", upstream)
			if (upstream == want) print $2 }' |
		sort -r -V -u
}

# Explains a broken pin: the mirror has moved on to another upstream version.
pin_broken() {
	have=$(apt_run apt-cache showsrc --only-source "$1" 2>/dev/null |
		awk '/^Version: / { print $2 }' | tr '\n' ' ')
	fail "$1 $2 is no longer offered (there is: ${have:-nothing}).
deps: to move the pin: put the new upstream version into packaging/deps/lock, run
deps: packaging/deps/fetch.sh $1, compare the sha256 it reports with a second source, write it into
deps: the lock, run the tests, and note the change in docs/decisions/0001-dependencies.md"
}

# Downloads into the current folder: $1 name, $2 --tar-only or --diff-only, then the versions to try in
# turn: a mirror may lack a file of one revision and have the same file under another.
download() {
	name=$1
	part=$2
	shift 2
	: > download.log
	for version in "$@"; do
		! apt_run apt-get -qq source --download-only "$part" "$name=$version" >> download.log 2>&1 ||
			return 0
	done
	return 1
}

# The one original tarball in the current folder.
tarball_find() {
	find . -maxdepth 1 -name '*.orig.tar.*' ! -name '*.asc' | head -n 1
}

# Downloads and verifies the tarball ($1 name, $2 versions).
tarball_get() {
	# shellcheck disable=SC2086
	download "$1" --tar-only $2 || { cat download.log >&2; fail "cannot download $1 $lock_version"; }
	tarball=$(tarball_find)
	[ -n "$tarball" ] || { cat download.log >&2; fail "no tarball arrived for $1 $lock_version"; }
	sum=$(sha256sum "$tarball" | cut -d ' ' -f 1)
	[ "$sum" = "$lock_sha256" ] ||
		fail "$1 $lock_version: sha256 is $sum, packaging/deps/lock says $lock_sha256"
}

# Unpacks the tarball so that its one top folder becomes ./src.
unpack() {
	mkdir src
	tar -x -f "$1" -C src --strip-components=1 --no-same-owner
}

# Applies the distribution's patches ($1 name, $2 versions) to ./src.
patch_all() {
	# shellcheck disable=SC2086
	if ! download "$1" --diff-only $2; then
		[ "$lock_patches" = optional ] || { cat download.log >&2; fail "no patches for $1"; }
		say "$1: patches cannot be had, going on without (they are optional)"
		return
	fi
	tar -x -f "$(find . -maxdepth 1 -name '*.debian.tar.*' | head -n 1)"
	[ -e debian/patches/series ] || return 0
	grep -v -e '^#' -e '^ *$' debian/patches/series | while read -r name rest; do
		patch -d src -p1 -s -t -N < "debian/patches/$name" > patch.log 2>&1 ||
			{ cat patch.log >&2; fail "$1: $name does not apply ${rest:-}"; }
	done
}

# Generated build files must look newer than what they were made from, or make asks for autotools.
settle_times() {
	find src -exec touch -h -d '2020-01-01T00:00:00Z' {} +
	find src -name aclocal.m4 -exec touch -d '2020-01-01T00:01:00Z' {} +
	find src \( -name configure -o -name Makefile.in -o -name '*.h.in' -o -name '*.hin' \) \
		-exec touch -d '2020-01-01T00:02:00Z' {} +
}

fetch_one() {
	target=$(source_path "$1")
	lock_read "$1"
	if [ ! -e "$target/.complete" ]; then
		say "fetching $1 $lock_version"
		apt_open "$cache/apt/source" deb-src "$suite"
		versions=$(versions_find "$1" "$lock_version")
		[ -n "$versions" ] || pin_broken "$1" "$lock_version"
		rm -rf "$target" "$cache/tmp/fetch-$1"
		mkdir -p "$cache/src" "$cache/tmp/fetch-$1"
		cd "$cache/tmp/fetch-$1"
		tarball_get "$1" "$versions"
		unpack "$tarball"
		[ "$lock_patches" = none ] || patch_all "$1" "$versions"
		settle_times
		: > src/.complete
		mv src "$target"
		cd "$cache"
		rm -rf "$cache/tmp/fetch-$1"
	fi
	echo "$target"
}

fetch_all() {
	names=$*
	[ -n "$names" ] || names=$(awk '!/^#/ && NF { print $1 }' "$deps_dir/lock")
	for name in $names; do
		fetch_one "$name"
	done
}

cache_find
with_lock fetch fetch_all "$@"
