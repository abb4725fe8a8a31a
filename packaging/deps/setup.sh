#!/bin/sh
# setup.sh - installs what building and testing need on a fresh machine; only what is missing.
#
# usage: setup.sh [build] [up] [test]      (no word: all)
#
# Says one line per thing it installs and nothing when nothing is missing.  Without root it says what to
# install and fails.
set -eu

# Package, then the command or file that shows it is there.
build_things='
gcc                     gcc
libc6-dev               /usr/include/stdio.h
binutils                ar
make                    make
patch                   patch
xz-utils                xz
bzip2                   bzip2
cmake                   cmake
tcl                     tclsh
util-linux              flock
debian-archive-keyring  /usr/share/keyrings/debian-archive-keyring.gpg'

up_things='
curl                    curl
kmod                    modprobe'

test_things='
clang                   clang
iproute2                ip
nftables                nft
openssl                 openssl
procps                  pgrep
dash                    dash
wget                    wget
shellcheck              shellcheck
python3                 /usr/bin/python3
npm                     npm
busybox-static          /bin/busybox'

# Programs of the administrator are not on everybody's path.
PATH=$PATH:/usr/sbin:/sbin

is_there() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*) command -v "$1" > /dev/null ;;
	esac
}

# Prints the packages of the list $1 that are missing.
missing() {
	echo "$1" | while read -r package probe; do
		[ -z "$package" ] || is_there "$probe" || echo "$package"
	done
}

# The fuzzers' runtime has the compiler's version in its name.
missing_runtime() {
	version=$(clang -dumpversion 2>/dev/null || apt-cache depends clang 2>/dev/null |
		sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p')
	version=${version%%.*}
	version=${version:-14}
	for file in /usr/lib/llvm-"$version"/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a; do
		[ ! -e "$file" ] || return 0
	done
	echo "libclang-rt-$version-dev"
}

wanted=
[ $# -gt 0 ] || set -- build up test
for group in "$@"; do
	case $group in
	build) wanted="$wanted $(missing "$build_things")" ;;
	up) wanted="$wanted $(missing "$up_things")" ;;
	test) wanted="$wanted $(missing "$test_things") $(missing_runtime)" ;;
	*) echo "setup: error: unknown word $group (there is: build up test)" >&2; exit 2 ;;
	esac
done
# shellcheck disable=SC2086
set -- $wanted
[ $# -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "setup: error: missing: $*" >&2
	echo "setup: as root: apt-get install --no-install-recommends $*" >&2
	exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
apt-get -qq update > "$log" 2>&1 ||
	{ cat "$log" >&2; echo "setup: error: cannot read the package index" >&2; exit 1; }
for package in "$@"; do
	echo "setup: installing $package"
done
apt-get -qq -y --no-install-recommends install "$@" > "$log" 2>&1 ||
	{ tail -n 20 "$log" >&2; echo "setup: error: cannot install $*" >&2; exit 1; }
