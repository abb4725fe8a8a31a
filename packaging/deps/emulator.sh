#!/bin/sh
# emulator.sh - what runs a binary of another processor here, as words for a command line.
#
# usage: emulator.sh ARCH      Prints nothing where the machine runs such binaries itself.
#
# The machine's own qemu-user is used if it is there; otherwise its package is unpacked into the cache.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"

suite=bookworm

unpack_qemu() {
	target=$cache/toolchain/qemu-user-$(hash_short < "$0")
	if [ ! -e "$target/.complete" ]; then
		say "preparing the emulator"
		apt_open "$cache/apt/tools" deb "$suite"
		work=$cache/tmp/qemu-user
		rm -rf "$work" "$target"
		mkdir -p "$work" "$cache/toolchain"
		( cd "$work" && apt_run apt-get -qq download qemu-user-static > log 2>&1 ) ||
			{ cat "$work/log" >&2; fail "cannot download qemu-user-static"; }
		dpkg-deb -x "$work"/*.deb "$work"
		rm "$work"/*.deb
		: > "$work/.complete"
		mv "$work" "$target"
	fi
	echo "$target/usr/bin/$program$cpu"
}

[ $# = 1 ] || fail "usage: emulator.sh ARCH"
[ "$1" != "$(uname -m)" ] || exit 0
cpu=
case $1 in
x86_64) program=qemu-x86_64-static ;;
aarch64) program=qemu-aarch64-static ;;
armv7) program=qemu-arm-static ;;
armv6) program=qemu-arm-static cpu=' -cpu arm1176' ;;
riscv64) program=qemu-riscv64-static ;;
*) fail "unknown processor $1" ;;
esac
if command -v "$program" > /dev/null; then
	echo "$program$cpu"
else
	cache_find
	with_lock toolchain unpack_qemu
fi
