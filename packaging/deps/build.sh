#!/bin/sh
# build.sh - builds the third-party libraries of one flavour into the cache.
#
# usage: build.sh FLAVOUR LINK     FLAVOUR is host or a processor; LINK becomes a symbolic link to a
#                                  folder with include/, lib/ and bin/ (cc, ar, ranlib, strip, nm).
#
# Every library has a recipe (recipes/NAME.sh) and an entry in the cache whose name is the hash of all
# that went into it: the lock's line, the recipe, the flags, the compiler.  A fresh checkout finds them
# and is done in a moment; a change of one recipe rebuilds one library.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/flavour.sh"

libraries='yyjson libyaml sqlite3 mbedtls zlib libzstd libseccomp libwebsockets'
jobs=${JOBS:-2}

# --- what recipes use -----------------------------------------------------------------------------

# Runs "$@"; its output is shown only if it fails.
quietly() {
	"$@" > "$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; fail "$name for $flavour: $1 failed"; }
}

# compile FLAGS... -- FILES...: into obj/.  Warnings of foreign code are not ours to read.
compile() {
	mkdir -p obj
	compile_flags=
	while [ "$1" != -- ]; do
		compile_flags="$compile_flags '$1'"
		shift
	done
	shift
	for file in "$@"; do
		object=obj/$(basename "$file" .c).o
		echo "$CC $CFLAGS -w $compile_flags -c '$file' -o '$object'"
	done > commands
	xargs -P "$jobs" -d '\n' -n 1 sh -c < commands > "$work/log" 2>&1 ||
		{ tail -n 40 "$work/log" >&2; fail "$name for $flavour does not compile"; }
}

# archive NAME: what compile made becomes lib/NAME.
archive() { quietly "$AR" -rcsD "$out/lib/$1" obj/*.o; }

# --- the flavours ---------------------------------------------------------------------------------

tools_host() {
	toolchain=host
	CC=$(command -v gcc) || fail "no gcc here; run packaging/deps/setup.sh"
	AR=$(command -v ar) RANLIB=$(command -v ranlib)
	triple=$(gcc -dumpmachine)
	optimise=-O2
	flags='-g -fPIC -fno-omit-frame-pointer'
	LDFLAGS=
	flavour_key="host $CC $(gcc -dumpfullversion) $triple"
}

tools_cross() {
	flavour_read "$flavour"
	toolchain=$("$deps_dir/toolchain.sh" "$flavour")
	CC="$toolchain/bin/cc $flavour_flags" AR=$toolchain/bin/ar RANLIB=$toolchain/bin/ranlib
	triple=$flavour_musl
	optimise=-Os
	flags=
	LDFLAGS=
	flavour_key="$toolchain $flavour_flags"
	library musl
	sysroot=$entry
	flavour_key="$flavour_key $sysroot"
	compiler_wrap
	CC=$sysroot/bin/cc
	flags='-ffunction-sections -fdata-sections -fPIE -fstack-protector-strong'
	flags="$flags -fno-asynchronous-unwind-tables -fno-unwind-tables"
	LDFLAGS=-static-pie
}

# sysroot/bin/cc: the compiler with musl's headers and libraries instead of its own.
compiler_wrap() {
	[ ! -x "$sysroot/bin/cc" ] || return 0
	sh "$musl_source/tools/musl-gcc.specs.sh" "$sysroot/include" "$sysroot/lib" /lib/none \
		> "$sysroot/musl.specs"
	mkdir -p "$sysroot/bin"
	printf '#!/bin/sh\nexec %s "$@" -specs %s/musl.specs\n' "$CC" "$sysroot" > "$sysroot/bin/cc.new"
	chmod +x "$sysroot/bin/cc.new"
	mv "$sysroot/bin/cc.new" "$sysroot/bin/cc"
}

# --- building -------------------------------------------------------------------------------------

# Hash of everything that goes into library $1.
library_key() {
	{
		echo "$flavour_key $optimise $flags $LDFLAGS ${needs:+$needs_key} $cache"
		echo "$source"
		cat "$deps_dir/recipes/$1.sh"
		[ "$1" != mbedtls ] || cat "$deps_dir/mbedtls_config.h"
	} | hash_short
}

# Makes sure library $1 is in the cache; entry is its folder then.
library() {
	name=$1
	needs=
	lock_read "$name"
	source=$("$deps_dir/fetch.sh" "$name")
	[ "$name" != musl ] || musl_source=$source
	. "$deps_dir/recipes/$name.sh"
	needs_key=
	[ -z "$needs" ] || { prefix=$(entry_of "$needs"); needs_key=$prefix; }
	entry=$cache/lib/$flavour/$name-$(library_key "$name")
	entries="$entries $name=$entry"
	[ ! -e "$entry/.complete" ] || return 0
	say "building $name $lock_version for $flavour"
	work=$cache/tmp/build-$flavour-$name
	out=$work/out
	rm -rf "$work" "$entry"
	mkdir -p "$out/include" "$out/lib" "$cache/lib/$flavour"
	# musl brings its own idea of flags; the rest gets the flavour's and no trace of this machine.
	CFLAGS="$flags -ffile-prefix-map=$source=$name -ffile-prefix-map=$cache=cache"
	export CC AR RANLIB CFLAGS LDFLAGS
	( cd "$work" && recipe )
	: > "$out/.complete"
	mv "$out" "$entry"
	rm -rf "$work"
}

# The cache entry of library $1, which must have been built in this run.
entry_of() {
	for pair in $entries; do
		[ "${pair%%=*}" != "$1" ] || { echo "${pair#*=}"; return; }
	done
	fail "$1 must be built before what needs it"
}

# One folder with the headers and libraries of all entries.
gather() {
	target=$cache/flavour/$flavour-$(echo "$entries" | cat - "$0" | hash_short)
	[ ! -e "$target/.complete" ] || return 0
	work=$cache/tmp/gather-$flavour
	rm -rf "$work" "$target"
	mkdir -p "$work/include" "$work/lib" "$work/bin" "$cache/flavour"
	for pair in $entries; do
		[ "${pair%%=*}" != musl ] || continue
		cp -R "${pair#*=}/include/." "$work/include/"
		cp -R "${pair#*=}/lib/." "$work/lib/"
	done
	if [ "$flavour" != host ]; then
		ln -s "$sysroot" "$work/sysroot"
		ln -s "$sysroot/bin/cc" "$work/bin/cc"
		for tool in ar ranlib strip nm; do ln -s "$toolchain/bin/$tool" "$work/bin/$tool"; done
	fi
	: > "$work/.complete"
	mv "$work" "$target"
}

build() {
	flavour=$1
	entries=
	mkdir -p "$cache/tmp"
	if [ "$flavour" = host ]; then tools_host; else tools_cross; fi
	for library in $libraries; do
		library "$library"
	done
	gather
	mkdir -p "$(dirname "$2")"
	ln -sfn "$target" "$2"
}

[ $# = 2 ] || fail "usage: build.sh FLAVOUR LINK"
cache_find
with_lock "build-$1" build "$1" "$2"
