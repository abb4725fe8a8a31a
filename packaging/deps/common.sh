# shellcheck shell=sh
# common.sh - what the dependency scripts share: where the cache is, how to lock it, how to say things.
# Sourced by fetch.sh, toolchain.sh and build.sh; POSIX sh.
#
# The cache holds only things that can be made again.  Every entry's name carries the hash of all that
# went into it, so entries are never changed, only added, and several checkouts may share one cache.

deps_dir=$(cd "$(dirname "$0")" && pwd)

say() { echo "deps: $*" >&2; }
fail() { echo "deps: error: $*" >&2; exit 1; }

# $MOTE_CACHE, or a place that suits the user; the caller may rely on it being writable.
cache_find() {
	if [ -n "${MOTE_CACHE:-}" ]; then
		cache=$MOTE_CACHE
	elif [ "$(id -u)" = 0 ]; then
		cache=/var/cache/mote
	else
		cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/mote
	fi
	if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
		[ -z "${MOTE_CACHE:-}" ] || fail "cache folder $cache is not writable"
		cache=$deps_dir/../../build/cache
		mkdir -p "$cache" || fail "cannot make a cache folder at $cache"
	fi
	cache=$(cd "$cache" && pwd)
}

# Twelve hex digits of the hash of standard input.
hash_short() { sha256sum | cut -c1-12; }

# with_lock NAME COMMAND...: runs COMMAND with one of the cache's locks held, so that two builds do not
# make the same entry at once.
with_lock() {
	exec 9>"$cache/.lock-$1"
	flock -n 9 || { say "waiting for another build ($1)"; flock 9; }
	shift
	"$@"
}

# The lock's line for $1 goes to lock_version, lock_sha256, lock_patches.
lock_read() {
	lock_line=$(awk -v n="$1" '$1 == n { print $2, $3, $4 }' "$deps_dir/lock")
	[ -n "$lock_line" ] || fail "$1 is not in packaging/deps/lock"
	lock_version=${lock_line%% *}
	lock_patches=${lock_line##* }
	lock_sha256=${lock_line#* }
	lock_sha256=${lock_sha256%% *}
}

# Where the unpacked source of $1 is (or will be).
source_path() {
	lock_read "$1"
	source_key=$(printf '%s %s %s\n' "$lock_version" "$lock_sha256" "$lock_patches" | hash_short)
	echo "$cache/src/$1-$source_key"
}
