#!/bin/sh
# toolchain.sh - a bare compiler for one processor, in the cache, without any rights.
#
# usage: toolchain.sh ARCH      Prints a folder whose bin/ holds cc, ar, ranlib, strip and nm, and whose
#                               kernel/ holds the kernel's headers.
#
# The machine's own gcc serves its own processor.  Others come as packages of the distribution that are
# only unpacked: gcc finds its parts relative to itself, and each tool is wrapped so that it finds its
# libraries.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"
. "$(dirname "$0")/flavour.sh"

suite=bookworm
gcc_version=12

# Is $1 the processor we run on?
is_native() {
	case "$(uname -m)" in
	armv7l) [ "$1" = armv7 ] ;;
	armv6l) [ "$1" = armv6 ] ;;
	*) [ "$1" = "$(uname -m)" ] ;;
	esac
}

# The machine's own compiler by its full path.
native_gcc() {
	command -v "gcc-$gcc_version" || command -v gcc || fail "no gcc here; run packaging/deps/setup.sh"
}

# Unpacks packages "$@" into the folder $unpacked.
unpack_packages() {
	mkdir -p "$unpacked" "$work/debs"
	( cd "$work/debs" && apt_run apt-get -qq download "$@" > ../log 2>&1 ) ||
		{ cat "$work/log" >&2; fail "cannot download $*"; }
	for deb in "$work"/debs/*.deb; do
		dpkg-deb -x "$deb" "$unpacked"
	done
}

# wrap NAME PROGRAM LIBRARIES: bin/NAME runs PROGRAM, which finds LIBRARIES.
wrap() {
	{
		echo '#!/bin/sh'
		[ -z "$3" ] || echo "LD_LIBRARY_PATH=$3 export LD_LIBRARY_PATH"
		echo "exec $2 \"\$@\""
	} > "$work/bin/$1"
	chmod +x "$work/bin/$1"
}

# The wrappers name the place where the toolchain will be, $target.
fill() {
	unpacked=$work/root
	mkdir -p "$work/bin"
	apt_open "$cache/apt/tools" deb "$suite"
	if is_native "$1"; then
		unpack_packages "linux-libc-dev-$flavour_debian-cross"
		wrap cc "$(native_gcc)" ''
		for tool in ar ranlib strip nm; do wrap "$tool" "$(command -v "$tool")" ''; done
	else
		unpack_packages "gcc-$gcc_version-$flavour_triple" "cpp-$gcc_version-$flavour_triple" \
			"binutils-$flavour_triple" "libgcc-$gcc_version-dev-$flavour_debian-cross" \
			"linux-libc-dev-$flavour_debian-cross"
		libraries=$target/root/usr/lib/$(gcc -print-multiarch)
		wrap cc "$target/root/usr/bin/$flavour_triple-gcc-$gcc_version" "$libraries"
		for tool in ar ranlib strip nm; do
			wrap "$tool" "$target/root/usr/bin/$flavour_triple-$tool" "$libraries"
		done
	fi
	cp -R "$unpacked/usr/$flavour_triple/include" "$work/kernel"
	rm -rf "$work/debs"
}

toolchain() {
	flavour_read "$1"
	native=no
	if is_native "$1"; then native="$(native_gcc) $($(native_gcc) -dumpfullversion)"; fi
	key=$(printf '%s\n' "$suite $gcc_version $native $target_salt" | cat - "$0" "$deps_dir/flavour.sh" |
		hash_short)
	target=$cache/toolchain/$1-$key
	if [ ! -e "$target/.complete" ]; then
		say "preparing the compiler for $1"
		work=$cache/tmp/toolchain-$1
		rm -rf "$work" "$target"
		mkdir -p "$work" "$cache/toolchain"
		fill "$1"
		: > "$work/.complete"
		mv "$work" "$target"
	fi
	echo "$target"
}

[ $# = 1 ] || fail "usage: toolchain.sh ARCH"
cache_find
target_salt=$cache
with_lock toolchain toolchain "$1"
